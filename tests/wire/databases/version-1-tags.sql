BEGIN TRANSACTION;
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, "id", "group", "name", "kind", "request", "params", "priority", "tags", "submittedFrom", "retryOf", "attempt", "status", "progress", "done", "total", "message", "result", "resultSize", "error", "version", "createdAt", "startedAt", "finishedAt", "updatedAt", payload TEXT, pid INTEGER, processStarted INTEGER
);
INSERT INTO "jobs" VALUES(1,'waits','notebooks/train.ipynb','train','FUNCTION','train','{"rows": 100}','HIGH','["nightly", "gr\u00f6\u00dfer"]','train.ipynb, cell 5',NULL,1,'QUEUED',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,'2026-11-23T09:16:05.667Z',NULL,NULL,'2026-11-23T09:16:05.667Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL);
INSERT INTO "jobs" VALUES(2,'runs','notebooks/train.ipynb','train','FUNCTION','train',NULL,'HIGH','["nightly"]',NULL,NULL,1,'RUNNING',0.25,1.0,4.0,'it''s at ''''1''''',NULL,NULL,NULL,3,'2026-11-23T09:16:05.668Z','2026-11-23T09:16:05.668Z',NULL,'2026-11-23T09:16:05.668Z','{"function": "gASV", "python": "/usr/bin/python3"}',4242,99);
INSERT INTO "jobs" VALUES(3,'done','notebooks/train.ipynb','prepare','FUNCTION','train',NULL,'HIGH',NULL,NULL,NULL,1,'SUCCEEDED',NULL,NULL,NULL,NULL,'[1, 2]',NULL,NULL,3,'2026-11-23T09:16:05.669Z','2026-11-23T09:16:05.669Z','2026-11-23T09:16:05.669Z','2026-11-23T09:16:05.669Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL);
INSERT INTO "jobs" VALUES(4,'failed','notebooks/train.ipynb','train','FUNCTION','train',NULL,'HIGH',NULL,NULL,NULL,1,'FAILED',NULL,NULL,NULL,NULL,NULL,NULL,'{"type": "ValueError", "message": "bad day"}',3,'2026-11-23T09:16:05.669Z','2026-11-23T09:16:05.669Z','2026-11-23T09:16:05.669Z','2026-11-23T09:16:05.669Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL);
INSERT INTO "jobs" VALUES(5,'again','notebooks/train.ipynb','train','FUNCTION','train',NULL,'HIGH',NULL,NULL,'failed',2,'CANCELLED',NULL,NULL,NULL,NULL,NULL,NULL,NULL,2,'2026-11-23T09:16:05.669Z',NULL,'2026-11-23T09:16:05.670Z','2026-11-23T09:16:05.670Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL);
CREATE UNIQUE INDEX jobs_id ON jobs (id);
CREATE INDEX jobs_group ON jobs ("group", number);
CREATE INDEX jobs_live ON jobs (status, number) WHERE status IN ('QUEUED', 'RUNNING', 'CANCELLING');
CREATE UNIQUE INDEX jobs_retry ON jobs (retryOf) WHERE retryOf IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',5);
COMMIT;
PRAGMA user_version=1;
