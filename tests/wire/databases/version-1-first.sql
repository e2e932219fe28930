BEGIN TRANSACTION;
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, "id", "group", "name", "kind", "request", "params", "priority", "status", "progress", "done", "total", "message", "result", "resultSize", "error", "version", "createdAt", "startedAt", "finishedAt", "updatedAt", payload TEXT, pid INTEGER, processStarted INTEGER
);
INSERT INTO "jobs" VALUES(1,'waits','notebooks/train.ipynb','train','FUNCTION','train','{"rows": 100}','HIGH','QUEUED',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,'2026-11-23T09:16:04.814Z',NULL,NULL,'2026-11-23T09:16:04.814Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL);
INSERT INTO "jobs" VALUES(2,'runs','notebooks/train.ipynb','train','FUNCTION','train',NULL,'HIGH','RUNNING',0.25,1.0,4.0,'it''s at ''''1''''',NULL,NULL,NULL,3,'2026-11-23T09:16:04.814Z','2026-11-23T09:16:04.815Z',NULL,'2026-11-23T09:16:04.815Z','{"function": "gASV", "python": "/usr/bin/python3"}',4242,99);
INSERT INTO "jobs" VALUES(3,'done','notebooks/train.ipynb','prepare','FUNCTION','train',NULL,'HIGH','SUCCEEDED',NULL,NULL,NULL,NULL,'[1, 2]',NULL,NULL,3,'2026-11-23T09:16:04.815Z','2026-11-23T09:16:04.816Z','2026-11-23T09:16:04.816Z','2026-11-23T09:16:04.816Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL);
INSERT INTO "jobs" VALUES(4,'failed','notebooks/train.ipynb','train','FUNCTION','train',NULL,'HIGH','FAILED',NULL,NULL,NULL,NULL,NULL,NULL,'{"type": "ValueError", "message": "bad day"}',3,'2026-11-23T09:16:04.816Z','2026-11-23T09:16:04.816Z','2026-11-23T09:16:04.816Z','2026-11-23T09:16:04.816Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL);
INSERT INTO "jobs" VALUES(5,'again','notebooks/train.ipynb','train','FUNCTION','train',NULL,'HIGH','CANCELLED',NULL,NULL,NULL,NULL,NULL,NULL,NULL,2,'2026-11-23T09:16:04.817Z',NULL,'2026-11-23T09:16:04.817Z','2026-11-23T09:16:04.817Z','{"function": "gASV", "python": "/usr/bin/python3"}',NULL,NULL);
CREATE UNIQUE INDEX jobs_id ON jobs (id);
CREATE INDEX jobs_group ON jobs ("group", number);
CREATE INDEX jobs_live ON jobs (status, number) WHERE status IN ('QUEUED', 'RUNNING', 'CANCELLING');
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',5);
COMMIT;
PRAGMA user_version=1;
