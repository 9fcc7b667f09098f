-- What models cost. Times are milliseconds since 1970, money is millionths of a US dollar.

-- One row for each request to a provider. It stays when its conversation is deleted; of a deleted account it stays
-- without a name.
CREATE TABLE ledger (
  requestId        INTEGER PRIMARY KEY AUTOINCREMENT,
  at               INTEGER NOT NULL,
  userId           TEXT,
  turnId           TEXT,
  provider         TEXT NOT NULL,
  model            TEXT NOT NULL,
  -- open, answered, aborted, failed, lost. While it is open, the numbers are what is reserved for it.
  outcome          TEXT NOT NULL,
  inputTokens      INTEGER NOT NULL DEFAULT 0,
  outputTokens     INTEGER NOT NULL DEFAULT 0,
  cacheReadTokens  INTEGER NOT NULL DEFAULT 0,
  cacheWriteTokens INTEGER NOT NULL DEFAULT 0,
  -- NULL where no price is known.
  costMicros       INTEGER,
  -- 1: counted by us, because the provider did not say.
  isEstimated      INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX ledger_at ON ledger(at);
CREATE INDEX ledger_user_at ON ledger(userId, at);
CREATE INDEX ledger_open ON ledger(outcome) WHERE outcome = 'open';

-- What administrators set, per million tokens. A band is for prompts of more than so many tokens.
CREATE TABLE prices (
  provider         TEXT NOT NULL,
  model            TEXT NOT NULL,
  validFrom        INTEGER NOT NULL,
  aboveTokens      INTEGER NOT NULL DEFAULT 0,
  inputMicros      INTEGER NOT NULL,
  outputMicros     INTEGER NOT NULL,
  cacheReadMicros  INTEGER,
  cacheWriteMicros INTEGER,
  PRIMARY KEY (provider, model, validFrom, aboveTokens)
);

-- '*' is for all who have no row of their own. No measure: no limit.
CREATE TABLE budgets (
  userId      TEXT PRIMARY KEY,
  measure     TEXT,
  limitAmount INTEGER NOT NULL DEFAULT 0,
  period      TEXT NOT NULL DEFAULT 'month',
  updatedAt   INTEGER NOT NULL
);

-- For which period and limit a person was last told that most of the budget is used.
CREATE TABLE budget_notices (
  userId      TEXT PRIMARY KEY,
  beganAt     INTEGER NOT NULL,
  limitAmount INTEGER NOT NULL
);

CREATE TRIGGER users_delete_budget AFTER DELETE ON users BEGIN
  DELETE FROM budgets WHERE userId = OLD.userId;
  DELETE FROM budget_notices WHERE userId = OLD.userId;
  UPDATE ledger SET userId = NULL WHERE userId = OLD.userId;
END;
