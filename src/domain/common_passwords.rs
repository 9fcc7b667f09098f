//! Passwords that guessers try first: those that lists of leaked passwords have had at their top for years, as far as
//! they are long enough for us, with what administrators choose in a hurry.

/// In lower case.
#[rustfmt::skip] // a list
pub(super) const COMMON_PASSWORDS: &[&str] = &[
    "123456", "123456789", "12345678", "password", "qwerty123", "qwerty1", "111111", "1234567", "1234567890",
    "123123", "abc123", "iloveyou", "password1", "qwerty", "000000", "654321", "666666", "121212", "112233", "123321",
    "7777777", "888888", "999999", "555555", "222222", "333333", "444444", "159753", "987654321", "11111111",
    "00000000", "88888888", "12341234", "123654", "qwertyuiop", "asdfghjkl", "zxcvbnm", "asdfgh", "1q2w3e4r",
    "1qaz2wsx", "q1w2e3r4", "1q2w3e", "qazwsx", "zaq12wsx", "1q2w3e4r5t", "qwe123", "asd123", "abcd1234", "abc12345",
    "a123456", "a12345678", "a1b2c3d4", "aa123456", "aa12345678", "password123", "passw0rd", "p@ssw0rd", "p@ssword",
    "pass1234", "password12", "admin123", "admin1234", "administrator", "adminadmin", "root123", "rootroot",
    "changeme", "letmein", "welcome", "welcome1", "default", "login123", "master", "monkey", "dragon",
    "sunshine", "princess", "football", "baseball", "superman", "batman", "shadow", "michael", "jordan", "charlie",
    "freedom", "whatever", "trustno1", "starwars", "computer", "internet", "hello123", "hello1234", "test123",
    "test1234", "testtest", "guest123", "user123", "woaini", "woaini1314", "5201314", "1314520", "qq123456",
    "qwer1234", "asdf1234", "zxcv1234", "147258369", "portagent",
];
