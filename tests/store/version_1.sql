CREATE TABLE fer_schema (version INTEGER NOT NULL);
INSERT INTO fer_schema VALUES (1);
CREATE TABLE lessons (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,
    started DOUBLE PRECISION NOT NULL, zone INTEGER NOT NULL,
    acknowledged DOUBLE PRECISION, region TEXT NOT NULL,
    model TEXT NOT NULL, version TEXT NOT NULL,
    ended DOUBLE PRECISION, saved DOUBLE PRECISION NOT NULL,
    duration DOUBLE PRECISION NOT NULL, faces DOUBLE PRECISION, balance DOUBLE PRECISION);
CREATE INDEX lessons_by_owner ON lessons (owner, started);
CREATE TABLE seconds (
    lesson TEXT NOT NULL REFERENCES lessons ON DELETE CASCADE, second INTEGER NOT NULL,
    frames INTEGER NOT NULL, seen INTEGER NOT NULL, read INTEGER NOT NULL,
    sum_angry DOUBLE PRECISION NOT NULL, sum_disgust DOUBLE PRECISION NOT NULL,
    sum_fear DOUBLE PRECISION NOT NULL, sum_happy DOUBLE PRECISION NOT NULL,
    sum_sad DOUBLE PRECISION NOT NULL, sum_surprise DOUBLE PRECISION NOT NULL,
    sum_neutral DOUBLE PRECISION NOT NULL,
    word_angry INTEGER NOT NULL, word_disgust INTEGER NOT NULL, word_fear INTEGER NOT NULL,
    word_happy INTEGER NOT NULL, word_sad INTEGER NOT NULL, word_surprise INTEGER NOT NULL,
    word_neutral INTEGER NOT NULL,
    look_negative INTEGER NOT NULL, look_confused INTEGER NOT NULL,
    look_flat INTEGER NOT NULL, look_positive INTEGER NOT NULL,
    PRIMARY KEY (lesson, second));
CREATE TABLE moments (
    lesson TEXT NOT NULL REFERENCES lessons ON DELETE CASCADE, place INTEGER NOT NULL,
    kind TEXT NOT NULL, text TEXT NOT NULL, time DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (lesson, place));
CREATE TABLE pauses (
    lesson TEXT NOT NULL REFERENCES lessons ON DELETE CASCADE, place INTEGER NOT NULL,
    begun DOUBLE PRECISION NOT NULL, ended DOUBLE PRECISION,
    PRIMARY KEY (lesson, place));
CREATE TABLE alerts (
    lesson TEXT NOT NULL REFERENCES lessons ON DELETE CASCADE, place INTEGER NOT NULL,
    what TEXT NOT NULL, line DOUBLE PRECISION NOT NULL, seconds INTEGER NOT NULL,
    faces INTEGER NOT NULL, margin DOUBLE PRECISION NOT NULL, rest INTEGER NOT NULL,
    begun DOUBLE PRECISION NOT NULL, ended DOUBLE PRECISION, peak DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (lesson, place));
INSERT INTO lessons VALUES ('old-lesson', 'anna', 'Old times', 1700000000.25, 3600, 1700000000,
    'DE', 'emotion', '0.1.0', 3.5, 1700000004, 3.5, 2, 0.25);
INSERT INTO seconds VALUES ('old-lesson', 0, 1, 2, 2, 0, 0, 0, 1, 0.5, 0, 0.5,
    0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1);
INSERT INTO moments VALUES ('old-lesson', 0, 'note', 'it was fine', 0.5);
INSERT INTO pauses VALUES ('old-lesson', 0, 1.5, 2.5);
INSERT INTO alerts VALUES ('old-lesson', 0, 'negative', 0.4, 1, 1, 0.1, 180, 0, 1, 0.5);
