BEGIN TRANSACTION;
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, "id", "group", "name", "kind", "request", "params", "priority", "tags", "submittedFrom", "retryOf", "attempt", "key", "batch", "after", "rules", "history", "status", "progress", "done", "total", "message", "metrics", "usual", "result", "resultSize", "error", "version", "createdAt", "startedAt", "finishedAt", "updatedAt",
  payload TEXT, fingerprint TEXT, notBefore REAL, pid INTEGER, processStarted INTEGER, size INTEGER
);
INSERT INTO "jobs" VALUES(1,'waits','notebooks/train.ipynb','train','FUNCTION','train','{"rows": 100}','HIGH','["nightly", "gr\u00f6\u00dfer"]','train.ipynb, cell 5',NULL,1,'k1',NULL,'["done"]','{"retries": 2, "timeout": 60.0}',NULL,'QUEUED',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,'2026-11-23T09:16:07.705Z',NULL,NULL,'2026-11-23T09:16:07.705Z','{"function": "gASV", "python": "/usr/bin/python3"}','f00d',NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(2,'runs','notebooks/train.ipynb','train','FUNCTION','train',NULL,'HIGH','["nightly"]',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,'RUNNING',0.25,1.0,4.0,'it''s at ''''1''''',NULL,NULL,NULL,NULL,NULL,3,'2026-11-23T09:16:07.716Z','2026-11-23T09:16:07.716Z',NULL,'2026-11-23T09:16:07.717Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL,4242,99,NULL);
INSERT INTO "jobs" VALUES(3,'done','notebooks/train.ipynb','prepare','FUNCTION','train',NULL,'HIGH',NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,'SUCCEEDED',NULL,NULL,NULL,NULL,NULL,NULL,'[1, 2]',NULL,NULL,3,'2026-11-23T09:16:07.717Z','2026-11-23T09:16:07.717Z','2026-11-23T09:16:07.717Z','2026-11-23T09:16:07.717Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(4,'failed','notebooks/train.ipynb','train','FUNCTION','train',NULL,'HIGH',NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,'FAILED',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"type": "ValueError", "message": "bad day"}',3,'2026-11-23T09:16:07.718Z','2026-11-23T09:16:07.718Z','2026-11-23T09:16:07.718Z','2026-11-23T09:16:07.718Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(5,'again','notebooks/train.ipynb','train','FUNCTION','train',NULL,'HIGH',NULL,NULL,'failed',2,NULL,NULL,NULL,NULL,NULL,'CANCELLED',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,2,'2026-11-23T09:16:07.718Z',NULL,'2026-11-23T09:16:07.718Z','2026-11-23T09:16:07.718Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE tags (tag TEXT, number INTEGER, PRIMARY KEY (tag, number)) WITHOUT ROWID;
INSERT INTO "tags" VALUES('größer',1);
INSERT INTO "tags" VALUES('nightly',1);
INSERT INTO "tags" VALUES('nightly',2);
CREATE UNIQUE INDEX jobs_id ON jobs (id);
CREATE INDEX jobs_group ON jobs ("group", number);
CREATE INDEX jobs_group_status ON jobs ("group", status, number);
CREATE INDEX jobs_status ON jobs (status, number);
CREATE INDEX jobs_name ON jobs (name, number);
CREATE INDEX jobs_created ON jobs (createdAt);
CREATE INDEX jobs_succeeded ON jobs (name, "group", number) WHERE status = 'SUCCEEDED';
CREATE INDEX jobs_ended ON jobs (finishedAt, size) WHERE finishedAt IS NOT NULL;
CREATE INDEX jobs_unmeasured ON jobs (finishedAt) WHERE finishedAt IS NOT NULL AND size IS NULL;
CREATE INDEX jobs_key ON jobs (key, "group", number) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX jobs_retry ON jobs (retryOf) WHERE retryOf IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',5);
COMMIT;
PRAGMA user_version=1;
