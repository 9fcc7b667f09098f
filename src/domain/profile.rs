//! What people change of their own accounts: how they are called, and how their page looks.

use super::error::{Error, Result};
use super::limits;
use super::user::{check_email, check_length, tidy};

/// `None` leaves a field alone, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    pub display_name: Option<Option<String>>,
    pub email: Option<Option<String>>,
}

impl Profile {
    /// Errors: `Invalid`, with the sentence for the first thing that is wrong.
    pub fn checked(self) -> Result<Self> {
        let [display_name, email] = [self.display_name, self.email].map(|field| field.map(tidy));
        if let Some(Some(email)) = &email {
            check_email(email)?;
        }
        check_length("displayName", display_name.as_ref().and_then(Option::as_deref), limits::DISPLAY_NAME_CHARS)?;
        Ok(Self { display_name, email })
    }
}

/// How a person's page looks. Here too, `None` leaves a choice alone, and `Some(None)` is what the browser has.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    pub language: Option<Option<String>>,
    pub theme: Option<Option<String>>,
}

/// What was chosen; `None`: what the browser has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    pub language: Option<String>,
    pub theme: Option<String>,
}

const LANGUAGES: [&str; 2] = ["en", "zh"];
const THEMES: [&str; 2] = ["light", "dark"];

impl Choices {
    /// Errors: `Invalid` for a language or theme that does not exist.
    pub fn checked(self) -> Result<Self> {
        for (value, known) in [(&self.language, &LANGUAGES), (&self.theme, &THEMES)] {
            if matches!(value, Some(Some(value)) if !known.contains(&value.as_str())) {
                let message = "language must be en, zh or null, and theme light, dark or null";
                return Err(Error::invalid("invalid_preference", message));
            }
        }
        Ok(self)
    }
}
