//! People and what they may be called.

use super::common_passwords::COMMON_PASSWORDS;
use super::error::{Error, Result};
use super::id::{ContainerId, LoginId, UserId};
use super::limits;
use super::text::{is_invisible, normal_name, normal_password, ways_to_write};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Admin,
    User,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
        }
    }

    /// Anything but `admin` is a user: a mistyped value grants nothing.
    pub fn from_text(text: &str) -> Self {
        if text == "admin" { Self::Admin } else { Self::User }
    }
}

#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub username: String,
    pub email: Option<String>,
    pub container_id: ContainerId,
    pub display_name: Option<String>,
    pub avatar: Option<String>,
    pub role: Role,
    pub is_active: bool,
    /// Logs in in two steps.
    pub has_second_step: bool,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// Who is asking, proven by a token that was checked against the database for this very request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub user: User,
    pub login: Login,
}

/// Which login a token belongs to, so that it can be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// One of ours: a row in `logins`.
    Ours(LoginId),
    /// A token of Portagent 1.9 that carries no id: known by its SHA-256 digest, as hex.
    Legacy { digest: String, issued_at_s: i64, expires_at_s: i64 },
}

/// A caller who is an administrator. Only [`Admin::of`] makes one, so that no use case for administrators can be
/// reached without the check.
#[derive(Debug, Clone)]
pub struct Admin(Caller);

impl Admin {
    /// Errors: `Forbidden` for all others.
    pub fn of(caller: Caller) -> Result<Self> {
        match caller.user.role {
            Role::Admin => Ok(Self(caller)),
            Role::User => {
                Err(Error::new(super::Kind::Forbidden, "administrators_only", "Only an administrator can do this"))
            }
        }
    }

    pub fn caller(&self) -> &Caller {
        &self.0
    }
}

/// Who uses an administrator's right: the person at the command line, who owns the data directory anyway, or an
/// administrator whose token was checked for this very request.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    Operator,
    Admin(&'a Admin),
}

impl std::fmt::Display for Actor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::Admin(admin) => write!(f, "user:{}", admin.caller().user.id),
        }
    }
}

/// A new account as requested, trimmed and checked.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub username: String,
    pub password: String,
    pub email: Option<String>,
    pub display_name: Option<String>,
    pub avatar: Option<String>,
}

impl NewUser {
    /// Errors: `Invalid`, with the sentence for the first thing that is wrong.
    pub fn checked(mut self) -> Result<Self> {
        self.username = normal_name(self.username.trim());
        if self.username.is_empty() || self.password.is_empty() {
            return Err(Error::invalid("missing_credentials", "Username and password are required"));
        }
        check_username(&self.username)?;
        check_password(&self.password)?;
        self.email = tidy(self.email);
        if let Some(email) = &self.email {
            check_email(email)?;
        }
        check_guessable(&self.password, &self.username, self.email.as_deref())?;
        self.display_name = tidy(self.display_name);
        self.avatar = tidy(self.avatar);
        check_length("displayName", self.display_name.as_deref(), limits::DISPLAY_NAME_CHARS)?;
        check_length("avatar", self.avatar.as_deref(), limits::AVATAR_CHARS)?;
        Ok(self)
    }
}

pub(super) fn tidy(text: Option<String>) -> Option<String> {
    text.map(|text| normal_name(text.trim())).filter(|text| !text.is_empty())
}

pub(super) fn check_length(field: &'static str, text: Option<&str>, most: usize) -> Result<()> {
    match text {
        Some(text) if text.chars().count() > most || text.chars().any(char::is_control) => Err(Error::invalid(
            "invalid_profile",
            format!("{field} must be at most {most} characters without control characters"),
        )),
        _ => Ok(()),
    }
}

/// The form under which names are compared: without regard to case, and to how a letter with an accent is written.
pub fn fold_name(name: &str) -> String {
    normal_name(&name.trim().to_lowercase())
}

/// The forms under which a name may be stored: the one of today, and those of accounts that are older than it. Two at
/// most.
pub fn folded_names(name: &str) -> (String, String) {
    let mut ways = ways_to_write(&fold_name(name)).into_iter();
    let first = ways.next().unwrap_or_default();
    let second = ways.next().unwrap_or_else(|| first.clone());
    (first, second)
}

fn check_username(name: &str) -> Result<()> {
    let length = name.chars().count();
    // A Chinese name often has two characters, which say as much as six letters.
    let is_short = length < limits::USERNAME_CHARS.0 && !(length == 2 && name.chars().all(is_han));
    if is_short {
        return Err(Error::invalid("invalid_username", "Username must be at least 3 characters"));
    }
    if length > limits::USERNAME_CHARS.1 {
        return Err(Error::invalid("invalid_username", "Username must be at most 64 characters"));
    }
    if name.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err(Error::invalid("invalid_username", "Username must not contain control characters"));
    }
    Ok(())
}

/// The blocks of Han characters that names are written in.
fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Errors: `Invalid` outside 6 to 1024 characters.
pub fn check_password(password: &str) -> Result<()> {
    let length = password.chars().count();
    if length < limits::PASSWORD_CHARS.0 {
        return Err(Error::invalid("invalid_password", "Password must be at least 6 characters"));
    }
    if length > limits::PASSWORD_CHARS.1 {
        return Err(Error::invalid("invalid_password", "Password must be at most 1024 characters"));
    }
    Ok(())
}

/// Errors: `Invalid` for a password that is the name or e-mail address of its account, or one of the commonest.
pub fn check_guessable(password: &str, username: &str, email: Option<&str>) -> Result<()> {
    let folded = fold_name(&normal_password(password));
    let local_part = email.and_then(|email| email.split('@').next());
    let names = [Some(username), email, local_part].into_iter().flatten();
    if names.map(fold_name).any(|name| name == folded) {
        return Err(Error::invalid("weak_password", "Password must not be the username or the e-mail address"));
    }
    if COMMON_PASSWORDS.contains(&folded.as_str()) {
        return Err(Error::invalid("weak_password", "This password is one of the most common ones"));
    }
    Ok(())
}

pub(super) fn check_email(email: &str) -> Result<()> {
    let plausible = email.len() <= limits::EMAIL_BYTES
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.contains('@')
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && !domain.contains("..")
        });
    if plausible { Ok(()) } else { Err(Error::invalid("invalid_email", "Email address is not valid")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(username: &str, password: &str, email: Option<&str>) -> Result<String, String> {
        NewUser {
            username: username.to_owned(),
            password: password.to_owned(),
            email: email.map(str::to_owned),
            display_name: None,
            avatar: None,
        }
        .checked()
        .map(|user| user.username)
        .map_err(|error| error.to_string())
    }

    #[test]
    fn names_passwords_and_addresses() {
        let no = |text: &str| Err(text.to_owned());
        assert_eq!(check("  john ", "secret1", None), Ok("john".to_owned()));
        assert_eq!(check("小林同学", "secret1", Some("a@b.cn")), Ok("小林同学".to_owned()));
        assert_eq!(check("林晓", "secret1", None), Ok("林晓".to_owned()));
        assert_eq!(check("林", "secret1", None), no("Username must be at least 3 characters"));
        assert_eq!(check("林x", "secret1", None), no("Username must be at least 3 characters"));
        assert_eq!(check("", "secret1", None), no("Username and password are required"));
        assert_eq!(check("   ", "secret1", None), no("Username and password are required"));
        assert_eq!(check("jo", "secret1", None), no("Username must be at least 3 characters"));
        assert_eq!(check(&"j".repeat(65), "secret1", None), no("Username must be at most 64 characters"));
        assert_eq!(check("a\u{7}bc", "secret1", None), no("Username must not contain control characters"));
        assert_eq!(check("a\u{200b}bc", "secret1", None), no("Username must not contain control characters"));
        assert_eq!(check("john", "short", None), no("Password must be at least 6 characters"));
        assert_eq!(check("john", &"x".repeat(1025), None), no("Password must be at most 1024 characters"));
        for bad in ["x", "@b.c", "a@b", "a@b@c.d", "a b@c.d", "a@.c", "a@c..d"] {
            assert_eq!(check("john", "secret1", Some(bad)), no("Email address is not valid"), "{bad}");
        }
        assert_eq!(check("john", "secret1", Some("  ")), Ok("john".to_owned()));
        assert_eq!(check("Zoe\u{308}", "secret1", None), Ok("Zo\u{eb}".to_owned()));
        assert_eq!(fold_name("ZOE\u{308} "), fold_name("zo\u{eb}"));
        let common = "This password is one of the most common ones";
        assert_eq!(check("john", "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}", None), no(common), "full width");
    }
}
