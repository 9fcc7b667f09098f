//! What SQLite's own checks say, in words for people.

/// One line without the heading that stands above complaints about pages: `*** in database main ***`.
pub fn readable(complaint: &str) -> String {
    let lines: Vec<&str> =
        complaint.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("*** ")).collect();
    if lines.is_empty() { complaint.trim().to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_left_out() {
        assert_eq!(readable("*** in database main ***\nTree 3 page 3: x\nTree 4: y"), "Tree 3 page 3: x; Tree 4: y");
        assert_eq!(readable("row 7 missing from index i"), "row 7 missing from index i");
    }
}
