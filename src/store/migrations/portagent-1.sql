-- Accounts and what belongs to them. Times are milliseconds since 1970 unless the name says otherwise.

CREATE TABLE users (
  userId           TEXT PRIMARY KEY,
  username         TEXT NOT NULL UNIQUE,
  email            TEXT UNIQUE,
  passwordHash     TEXT NOT NULL,
  containerId      TEXT NOT NULL,
  displayName      TEXT,
  avatar           TEXT,
  isActive         INTEGER NOT NULL DEFAULT 1,
  createdAt        INTEGER NOT NULL,
  updatedAt        INTEGER NOT NULL,
  role             TEXT NOT NULL DEFAULT 'user',
  -- The folded forms under which names are looked up. Not unique: Portagent 1.9 let names differ in case only.
  usernameKey      TEXT NOT NULL DEFAULT '',
  emailKey         TEXT,
  -- Tokens of Portagent 1.9 carry no id: those issued before this second are dead.
  legacyTokensFrom INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX users_usernameKey ON users(usernameKey);
CREATE INDEX users_emailKey ON users(emailKey);

-- People rename users with the sqlite3 program: the keys follow (as far as SQLite folds case).
CREATE TRIGGER users_keys_insert AFTER INSERT ON users WHEN NEW.usernameKey = '' BEGIN
  UPDATE users SET usernameKey = lower(trim(NEW.username)), emailKey = lower(NEW.email) WHERE userId = NEW.userId;
END;
CREATE TRIGGER users_keys_username AFTER UPDATE OF username ON users
WHEN NEW.username IS NOT OLD.username AND NEW.usernameKey IS OLD.usernameKey BEGIN
  UPDATE users SET usernameKey = lower(trim(NEW.username)) WHERE userId = NEW.userId;
END;
CREATE TRIGGER users_keys_email AFTER UPDATE OF email ON users
WHEN NEW.email IS NOT OLD.email AND NEW.emailKey IS OLD.emailKey BEGIN
  UPDATE users SET emailKey = lower(NEW.email) WHERE userId = NEW.userId;
END;
-- Also where foreign keys are off, as they are in the sqlite3 program.
CREATE TRIGGER users_delete AFTER DELETE ON users BEGIN
  DELETE FROM logins WHERE userId = OLD.userId;
END;

-- One row for each token that is good: a token without its row is dead.
CREATE TABLE logins (
  loginId   TEXT PRIMARY KEY,
  userId    TEXT NOT NULL REFERENCES users(userId) ON DELETE CASCADE,
  createdAt INTEGER NOT NULL,
  expiresAt INTEGER NOT NULL
);
CREATE INDEX logins_userId ON logins(userId);
CREATE INDEX logins_expiresAt ON logins(expiresAt);

-- Tokens of Portagent 1.9 that were logged out, by the SHA-256 of the token, until they would have expired.
CREATE TABLE revoked_tokens (
  digest    TEXT PRIMARY KEY,
  expiresAt INTEGER NOT NULL
);

CREATE TABLE invites (
  code      TEXT PRIMARY KEY,
  note      TEXT,
  usesLeft  INTEGER NOT NULL,
  createdBy TEXT,
  createdAt INTEGER NOT NULL,
  expiresAt INTEGER NOT NULL
);

-- An administrator's word that an account's login limit starts anew; '*' is every account.
CREATE TABLE unlocks (
  nameKey TEXT PRIMARY KEY,
  at      INTEGER NOT NULL
);
