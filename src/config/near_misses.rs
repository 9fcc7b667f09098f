//! Names that are nearly those of settings: they would be passed over in silence.

use super::envfile::Entry;
use super::settings::{SETTINGS, find};
use crate::domain::suggest::nearest;

/// One slip, and one more for each so many characters.
const CHARS_PER_SLIP: usize = 6;

/// One sentence for each.
pub(super) fn warnings(names: &[String], entries: &[Entry]) -> Vec<String> {
    let known: Vec<String> = SETTINGS
        .iter()
        .flat_map(|setting| std::iter::once(setting.name.to_owned()).chain(setting.file_variable()))
        .collect();
    let near = |name: &str| {
        let most = 1 + name.chars().count() / CHARS_PER_SLIP;
        nearest(name, known.iter().map(String::as_str), most).or_else(|| longer(name))
    };
    let mut warnings = Vec::new();
    for name in names {
        // The environment holds names of other programs, too.
        warnings.extend(warning(name, "environment", near(name).filter(|near| begins_alike(name, near))));
    }
    for Entry { key, path, line, .. } in entries {
        warnings.extend(warning(key, &format!("{}:{line}", path.display()), near(key)));
    }
    warnings
}

fn warning(name: &str, from: &str, near: Option<&str>) -> Option<String> {
    if let Some(setting) = name.strip_suffix("_FILE").and_then(find).filter(|setting| !setting.secret) {
        return Some(format!(
            "{name} (from {from}) is no setting: only secrets are read from files; use {}",
            setting.name
        ));
    }
    let near = near.filter(|near| *near != name)?;
    Some(format!("{name} (from {from}) is no setting and was passed over: did you mean {near}?"))
}

/// The setting of which `name` is the beginning, two words or more: `BACKUP_RETENTION`.
fn longer(name: &str) -> Option<&'static str> {
    let is_longer = |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
    SETTINGS.iter().map(|setting| setting.name).find(|known| name.contains('_') && is_longer(known))
}

/// Both begin with the same word and an underscore.
fn begins_alike(name: &str, near: &str) -> bool {
    let first = |text: &str| text.split_once('_').map(|(first, _)| first.to_owned());
    first(name).is_some() && first(name) == first(near)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn what_is_named() {
        let check = |name: &str, in_file: Option<&str>, in_environment: Option<&str>| {
            let entry = Entry { key: name.to_owned(), value: "x".to_owned(), path: PathBuf::from("e"), line: 1 };
            let near = |found: Vec<String>| {
                found.first().map(|text| text.rsplit(' ').next().unwrap().trim_end_matches('?').to_owned())
            };
            assert_eq!(near(warnings(&[], &[entry])).as_deref(), in_file, "{name} in a file");
            assert_eq!(near(warnings(&[name.to_owned()], &[])).as_deref(), in_environment, "{name}");
        };
        check("PORT", None, None);
        check("LLM_PROVIDER_KEY_FILE", None, None);
        check("LLM_PROVIDER_KYE", Some("LLM_PROVIDER_KEY"), Some("LLM_PROVIDER_KEY"));
        check("LLM_PROVIDER_KEY_FIEL", Some("LLM_PROVIDER_KEY_FILE"), Some("LLM_PROVIDER_KEY_FILE"));
        check("BACKUP_RETENTION", Some("BACKUP_RETENTION_DAYS"), Some("BACKUP_RETENTION_DAYS"));
        check("PORT_FILE", Some("PORT"), Some("PORT"));
        check("PROT", Some("PORT"), None);
        check("HTTPS_PROXY", None, None);
        check("HOME", None, None);
        check("HOSTNAME", None, None);
        check("PUBLIC_DIR", None, None);
        check("RUST_BACKTRACE", None, None);
    }
}
