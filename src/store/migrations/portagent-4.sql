-- The model that a person chose last: their next conversation begins with it.
CREATE TABLE model_choices (
  userId   TEXT PRIMARY KEY REFERENCES users(userId) ON DELETE CASCADE,
  model    TEXT NOT NULL,
  chosenAt INTEGER NOT NULL
);
-- Also where foreign keys are off, as they are in the sqlite3 program.
CREATE TRIGGER users_delete_choice AFTER DELETE ON users BEGIN
  DELETE FROM model_choices WHERE userId = OLD.userId;
END;
