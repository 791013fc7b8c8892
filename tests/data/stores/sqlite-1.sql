-- A store of SQLite schema version 1, as the release before version 2 left it.
PRAGMA application_id = 1398031176;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE execution_artifacts (
        entry_id INTEGER NOT NULL,
        digest TEXT NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (entry_id, digest)
    ) WITHOUT ROWID;
INSERT INTO "execution_artifacts" VALUES(1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',7);
CREATE TABLE execution_caches (
        ID INTEGER PRIMARY KEY AUTOINCREMENT,
        ExecutionCacheKey VARCHAR(191) NOT NULL,
        ExecutionTemplate TEXT NOT NULL,
        ExecutionOutput TEXT NOT NULL,
        MaxCacheStaleness BIGINT NOT NULL,
        StartedAtInSec BIGINT NOT NULL,
        EndedAtInSec BIGINT NOT NULL
    );
INSERT INTO "execution_caches" VALUES(1,'796559933c7e76a628d35569976677221e91c0a114b374e56016938561847538','template','{"parameters": {"a": 1}}',22075200000,1795646542,1795646542);
CREATE TABLE execution_claims (
        cache_key TEXT PRIMARY KEY,
        claim_id TEXT NOT NULL,
        token INTEGER NOT NULL,
        holder TEXT NOT NULL,
        lease_until INTEGER NOT NULL,
        claimed_at INTEGER NOT NULL,
        released_at INTEGER,
        revoked_claim_id TEXT NOT NULL DEFAULT '',
        failures INTEGER NOT NULL DEFAULT 0,
        failure TEXT NOT NULL DEFAULT ''
    ) WITHOUT ROWID;
INSERT INTO "execution_claims" VALUES('796559933c7e76a628d35569976677221e91c0a114b374e56016938561847538','11111111111111111111111111111111',1,'{}',1795646602602,1795646542602,1795646542602,'',0,'');
INSERT INTO "execution_claims" VALUES('85c4d432c47707ee1315189960f5472c0d6d8bb0cf095e88dd82ed44f4d03538','33333333333333333333333333333333',1,'holder',1795646602603,1795646542603,NULL,'',0,'');
INSERT INTO "execution_claims" VALUES('8ee407cbf1f8e013868d56102f00a17ea98c164c3b34afb130b22c8713ddbc90','22222222222222222222222222222222',1,'{}',1795646602603,1795646542603,1795646542603,'',1,'why');
CREATE TABLE execution_details (
        entry_id INTEGER PRIMARY KEY,
        published_by TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        namespace TEXT NOT NULL,
        pipeline TEXT NOT NULL,
        component TEXT NOT NULL,
        task TEXT NOT NULL,
        run_id TEXT NOT NULL,
        duration REAL NOT NULL,
        parts TEXT NOT NULL,
        hits INTEGER NOT NULL DEFAULT 0,
        used_at INTEGER NOT NULL
    );
INSERT INTO "execution_details" VALUES(1,'11111111111111111111111111111111',1795646542602,'namespace','pipeline','component','task','run 1',1.5,'{"a": 1}',3,1795646542603);
CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        pipeline TEXT NOT NULL,
        state TEXT NOT NULL,
        holder TEXT NOT NULL,
        created_at REAL NOT NULL,
        finished_at REAL NOT NULL,
        namespace TEXT NOT NULL,
        source TEXT NOT NULL,
        parameters TEXT NOT NULL,
        outputs TEXT NOT NULL,
        error TEXT NOT NULL
    );
INSERT INTO "runs" VALUES('run 1','pipeline','SUCCEEDED','{}',1.25,9.5,'namespace','a.yaml','{"n": 3}','{"b": 2}','');
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "settings" VALUES('artifact_location','file:///artifacts');
CREATE TABLE tasks (
        run_id TEXT NOT NULL,
        name TEXT NOT NULL,
        position INTEGER NOT NULL,
        state TEXT NOT NULL,
        component TEXT NOT NULL,
        result TEXT NOT NULL,
        reason TEXT NOT NULL,
        cache_key TEXT NOT NULL,
        started_at REAL NOT NULL,
        finished_at REAL NOT NULL,
        log TEXT NOT NULL,
        error TEXT NOT NULL,
        outputs TEXT NOT NULL,
        PRIMARY KEY (run_id, name)
    );
INSERT INTO "tasks" VALUES('run 1','train',0,'SUCCEEDED','component','miss','first_seen','796559933c7e76a628d35569976677221e91c0a114b374e56016938561847538',2.5,3.5,'runs/1/train.log','','{"a": 1}');
CREATE UNIQUE INDEX uq_execution_caches_key ON execution_caches (ExecutionCacheKey);
CREATE INDEX ix_runs_created_at ON runs (created_at);
CREATE INDEX ix_runs_state ON runs (state, created_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('execution_caches',1);
COMMIT;
