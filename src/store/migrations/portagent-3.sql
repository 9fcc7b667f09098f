-- Providers of models that administrators have added; the one of the settings is not here.
CREATE TABLE providers (
  name         TEXT PRIMARY KEY,
  -- How it is spoken to: anthropic, openai, …
  kind         TEXT NOT NULL,
  -- Empty: that of the kind.
  baseUrl      TEXT NOT NULL DEFAULT '',
  apiKey       TEXT,
  -- Empty: the first that the provider lists.
  defaultModel TEXT NOT NULL DEFAULT '',
  createdAt    INTEGER NOT NULL,
  updatedAt    INTEGER NOT NULL
);
