//! Header lines in two allocations, however many there are. Names are looked up without regard to case.

/// Bytes that are no UTF-8 are replaced: nothing that we act upon may hold them.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// Names and values, one behind the other.
    text: String,
    /// Where each name and its value end in `text`.
    ends: Vec<(usize, usize)>,
}

impl Headers {
    pub(crate) fn from_bytes<'a>(lines: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        // Most requests of a browser fit without growing.
        let mut headers = Self { text: String::with_capacity(512), ends: Vec::with_capacity(16) };
        for (name, value) in lines {
            headers.push(name, &String::from_utf8_lossy(value));
        }
        headers
    }

    fn push(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let name_end = self.text.len();
        self.text.push_str(value.trim_matches([' ', '\t']));
        self.ends.push((name_end, self.text.len()));
    }

    /// The first line of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// Every line of that name, in their order.
    pub fn get_all<'h, 'n>(&'h self, name: &'n str) -> impl Iterator<Item = &'h str> + use<'h, 'n> {
        self.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether a list like `Connection: keep-alive, Upgrade` names `token`.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.get_all(name).flat_map(|value| value.split(',')).any(|each| each.trim().eq_ignore_ascii_case(token))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, value_end)| *value_end));
        starts
            .zip(&self.ends)
            .map(|(start, (name_end, value_end))| (&self.text[start..*name_end], &self.text[*name_end..*value_end]))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(lines: I) -> Self {
        Self::from_bytes(lines.into_iter().map(|(name, value)| (name, value.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_any_spelling() {
        let headers = Headers::from_iter([("Host", "h"), ("X-A", " 1 "), ("x-a", "2"), ("Connection", "a, Upgrade")]);
        assert_eq!(headers.get("HOST"), Some("h"));
        assert_eq!(headers.get_all("x-A").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers.get("y"), None);
        assert!(headers.has_token("connection", "upgrade") && !headers.has_token("connection", "up"));
    }
}
