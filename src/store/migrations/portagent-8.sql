-- Two-step log-in: what an app makes codes from, and codes for the day when it is lost. Times are milliseconds since 1970.

CREATE TABLE second_steps (
  userId    TEXT PRIMARY KEY REFERENCES users(userId) ON DELETE CASCADE,
  -- Base32, as the app has it. To compare codes it has to be readable here.
  secret    TEXT NOT NULL,
  -- 0: set up, and not confirmed by a code yet.
  isOn      INTEGER NOT NULL DEFAULT 0,
  -- The last period of 30 seconds whose code was used: each is good once.
  lastStep  INTEGER NOT NULL DEFAULT 0,
  createdAt INTEGER NOT NULL
);

-- Those that are left, by the SHA-256 of each: they are random enough to need no slow hash.
CREATE TABLE recovery_codes (
  userId TEXT NOT NULL REFERENCES users(userId) ON DELETE CASCADE,
  digest TEXT NOT NULL,
  PRIMARY KEY (userId, digest)
);

-- Also where foreign keys are off, as they are in the sqlite3 program.
CREATE TRIGGER users_delete_second_step AFTER DELETE ON users BEGIN
  DELETE FROM second_steps WHERE userId = OLD.userId;
  DELETE FROM recovery_codes WHERE userId = OLD.userId;
END;
