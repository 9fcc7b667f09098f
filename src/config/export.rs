//! The settings as a file that a server elsewhere can be started with.

use super::Config;
use super::resolve::Source;
use super::settings::Default;

impl Config {
    /// Every setting that is not what it would be anyway, one `NAME=VALUE` a line, as env files are read. It holds
    /// secrets.
    pub fn as_env_file(&self) -> String {
        let mut text = String::new();
        for value in self.resolved.iter().filter(|value| value.source != Source::Default) {
            let Some(typed) = &value.text else { continue };
            let is_default = matches!(value.setting.default, Default::Is(text) if text == typed.0.trim());
            if !is_default {
                text.push_str(&format!("{}={}\n", value.setting.name, quoted(&typed.0)));
            }
        }
        text
    }
}

/// Single quotes take everything as it stands, but for themselves and the end of the line.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    if !text.contains(['\'', '\n', '\r']) {
        return format!("'{text}'");
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '"' | '\\' | '$' => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Surroundings, Typed};

    #[test]
    fn what_is_written_is_read_again() {
        let home = tempfile::tempdir().unwrap();
        let secret = "a'b\"c$d\\e #f 深 0123456789abcdef0123456789";
        let settings = [("PORT", "5200"), ("HOST", "::1"), ("JWT_SECRET", secret), ("LOG_LEVEL", "warn")];
        let typed = Typed { settings: settings.map(|(name, value)| (name, value.to_owned())).to_vec(), env_file: None };
        let nothing = |name: &str| (name == "HOME").then(|| home.path().into());
        let around = Surroundings { environment: &nothing, names: &[], directory: home.path() };
        let text = Config::load(&typed, &around).unwrap().as_env_file();
        assert!(!text.contains("PORT"), "what is the default is left out: {text}");
        let file = home.path().join("settings.env");
        std::fs::write(&file, &text).unwrap();
        let again = Typed { settings: Vec::new(), env_file: Some(file) };
        let config = Config::load(&again, &around).unwrap();
        assert_eq!((config.host.as_str(), config.log_level), ("::1", log::LevelFilter::Warn));
        assert_eq!(config.jwt_secret.as_ref().unwrap().expose(), secret);
        assert_eq!(config.as_env_file(), text);
    }
}
