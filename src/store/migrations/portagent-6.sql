-- What refusals have taught about models: parameters that one does not take, or takes otherwise.
CREATE TABLE model_lessons (
  provider  TEXT NOT NULL,
  model     TEXT NOT NULL,
  -- Of the provider's kind, address and key: what was learned about another one does not count.
  digest    TEXT NOT NULL,
  lessons   TEXT NOT NULL,
  learnedAt INTEGER NOT NULL,
  PRIMARY KEY (provider, model)
);
