"""What a job is, how it is asked for, and how this process keeps up with it.

From the top down, as imports go:

    client                      `JobClient`: submit, follow and collect, for programs that have an event loop
    following                   what a client is made of, from its start to its end
    callbacks                   what it tells its user's code, and when
    handle                      a job in the user's hands: a future that the server completes
    feed                        keeps the store equal to the server's jobs: events, and questions after every gap
    reconciler | subscriptions  what the feed asks | what it subscribes to
    target                      where jobs go
    amplify | settings          what Amplify's files say of that | who may say it, and whose word counts
    api | bulk                  runs calls against one API | many submissions, cancellations or retries in few requests
    calls                       what is asked, each request as a value
    reader | refusals           reads what any API tells of jobs | and what its refusals mean
    profiles | config           what an API calls things | how patient a client is
    operations                  this package's own GraphQL documents
    store                       the jobs as known: newer versions in, all else out
    requests                    what can be submitted
    origin                      where in the user's code a job is submitted
    embedded                    finds the backend of this machine, and starts it
    limits                      how large what is sent may be
    model                       the record, its states, and which may follow which
"""
