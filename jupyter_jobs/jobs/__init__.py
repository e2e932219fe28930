"""What a job is, how it is asked for, and how this process keeps up with it.

From the top down, as imports go:

    client                      `JobClient`: submit, follow and collect, for programs that have an event loop
    submitting                  what a client submits and finds, once for its plain and its awaited face
    joblist | following         many jobs as one thing | what a client is made of, from its start to its end
    waiting | callbacks         several jobs waited for at once | what a client tells its user's code, and when
    handle                      a job in the user's hands: a future that the server completes
    facts | results             what a handle knows without asking | and what the job's value or error is here
    logs | series | files       what a job prints | measures | leaves behind
    unsuccessful                what its bad end raises
    estimates                   when it will start and end
    tail | tracebacks           how a log is followed | how a job's traceback is shown
    feed                        keeps the store equal to the server's jobs: events, and questions after every gap
    reconciler | subscriptions  what the feed asks | what it subscribes to
    asked                       what handles ask
    target                      where jobs go
    amplify | settings          what Amplify's files say of that | who may say it, and whose word counts
    api | bulk                  runs calls against one API | many submissions, cancellations or retries in few requests
    calls                       what is asked, each request as a value
    finding                     which jobs are looked for
    reader | refusals           reads what any API tells of jobs | and what its refusals mean
    profiles | config           what an API calls things | how patient a client is
    requests                    a submission, from what the user wrote to what is sent
    work | once                 how each kind of work travels | the key that is made of it
    options | kinds             what may be said of a job besides its work | `Command`, `Notebook`
    operations                  this package's own GraphQL documents
    store                       the jobs as known: newer versions in, all else out
    dataframe                   jobs as a table of pandas
    embedded                    finds the backend of this machine, and starts it
    limits                      how large what is sent may be
    origin                      where in the user's code a job is submitted
    model                       the record, its states, and which may follow which
"""
