//! What a check found: one vocabulary for `/health/ready`, `portagent doctor` and `portagent db check`.

/// How bad it is, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Not checked, because something else stands in the way or it was not asked for.
    Skip,
    Pass,
    Warn,
    Fail,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable: programs go by it.
    pub name: &'static str,
    pub level: Level,
    /// A sentence that is safe to show.
    pub message: String,
    /// What to do, where there is something to do.
    pub hint: Option<String>,
    /// The database's file or the directory that it is about, where there are several.
    pub place: Option<&'static str>,
    /// How many things are wrong, where they are counted.
    pub count: Option<u64>,
}

impl Finding {
    pub fn new(name: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self { name, level, message: message.into(), hint: None, place: None, count: None }
    }

    pub fn skip(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Level::Skip, message)
    }

    pub fn pass(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Level::Pass, message)
    }

    pub fn warn(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Level::Warn, message)
    }

    pub fn fail(name: &'static str, message: impl Into<String>) -> Self {
        Self::new(name, Level::Fail, message)
    }

    #[must_use]
    pub fn at(mut self, place: &'static str) -> Self {
        self.place = Some(place);
        self
    }

    #[must_use]
    pub fn counted(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The worst of them. Skipped checks do not count.
pub fn worst<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Level {
    findings.into_iter().map(|finding| finding.level).fold(Level::Pass, Level::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        let check = |levels: &[Level], expected| {
            let findings: Vec<Finding> = levels.iter().map(|level| Finding::new("disk", *level, "")).collect();
            assert_eq!(worst(&findings), expected, "{levels:?}");
        };
        check(&[], Level::Pass);
        check(&[Level::Skip], Level::Pass);
        check(&[Level::Pass, Level::Warn], Level::Warn);
        check(&[Level::Fail, Level::Warn], Level::Fail);
    }
}
