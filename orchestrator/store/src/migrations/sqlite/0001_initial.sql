-- Times are milliseconds since the Unix epoch. `packing` says how `bytes` are kept: 0 as they are, 1 zlib;
-- `length` is their length when unpacked.

CREATE TABLE rollouts (
    id              TEXT    NOT NULL PRIMARY KEY,
    name            TEXT    NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 0),
    resource        TEXT    NOT NULL,
    plan_digest     TEXT    NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    package         TEXT    NOT NULL,
    package_version TEXT    NOT NULL,
    phase           TEXT    NOT NULL,
    headline        TEXT    NOT NULL,
    active          INTEGER NOT NULL CHECK (active IN (0, 1)),
    updated_at_ms   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX rollouts_one_active_of_a_name ON rollouts (name) WHERE active = 1;
CREATE INDEX rollouts_by_name ON rollouts (name, created_at_ms);

-- Apart from `rollouts`, so that listing never reads past a plan.
CREATE TABLE plans (
    rollout TEXT    NOT NULL PRIMARY KEY REFERENCES rollouts (id),
    packing INTEGER NOT NULL,
    length  INTEGER NOT NULL,
    bytes   BLOB    NOT NULL
) STRICT;

CREATE TABLE events (
    rollout         TEXT    NOT NULL REFERENCES rollouts (id),
    seq             INTEGER NOT NULL CHECK (seq > 0),
    kind            TEXT    NOT NULL,
    payload_version INTEGER NOT NULL,
    payload         BLOB    NOT NULL,
    at_ms           INTEGER NOT NULL,
    actor           TEXT    NOT NULL,
    PRIMARY KEY (rollout, seq)
) STRICT;

CREATE TABLE snapshots (
    rollout         TEXT    NOT NULL PRIMARY KEY REFERENCES rollouts (id),
    seq             INTEGER NOT NULL CHECK (seq >= 0),
    payload_version INTEGER NOT NULL,
    packing         INTEGER NOT NULL,
    length          INTEGER NOT NULL,
    bytes           BLOB    NOT NULL
) STRICT;

CREATE TABLE intents (
    rollout         TEXT    NOT NULL REFERENCES rollouts (id),
    id              TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    payload_version INTEGER NOT NULL,
    payload         BLOB    NOT NULL,
    settled         INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1)),
    epoch           INTEGER NOT NULL,
    handle          TEXT,
    at_ms           INTEGER NOT NULL,
    PRIMARY KEY (rollout, id)
) STRICT;

-- Only what is open, so that looking for it costs what is open and not what ever was.
CREATE INDEX intents_open ON intents (rollout, at_ms, id) WHERE settled = 0;

-- A released lease keeps its row: its epoch must never fall.
CREATE TABLE leases (
    resource      TEXT    NOT NULL PRIMARY KEY,
    holder        TEXT,
    expires_at_ms INTEGER NOT NULL,
    epoch         INTEGER NOT NULL CHECK (epoch > 0)
) STRICT;

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    rollout     TEXT    NOT NULL REFERENCES rollouts (id),
    kind        TEXT    NOT NULL,
    payload     BLOB    NOT NULL,
    actor       TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL,
    accepted    INTEGER CHECK (accepted IN (0, 1)),
    outcome     TEXT,
    taken_at_ms INTEGER,
    CHECK ((accepted IS NULL) = (taken_at_ms IS NULL) AND (accepted IS NULL) = (outcome IS NULL))
) STRICT;

CREATE INDEX orders_pending ON orders (rollout, id) WHERE taken_at_ms IS NULL;

CREATE TABLE ledger (
    package  TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    region   TEXT    NOT NULL,
    node     TEXT    NOT NULL,
    version  TEXT,
    verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (package, account, region, node)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    package       TEXT    NOT NULL,
    version       TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    since_ms      INTEGER NOT NULL,
    by_whom       TEXT    NOT NULL,
    clear_reason  TEXT,
    cleared_by    TEXT,
    cleared_at_ms INTEGER,
    CHECK ((cleared_at_ms IS NULL) = (clear_reason IS NULL) AND (cleared_at_ms IS NULL) = (cleared_by IS NULL))
) STRICT;

CREATE UNIQUE INDEX quarantine_once_at_a_time ON quarantine (package, version) WHERE cleared_at_ms IS NULL;
