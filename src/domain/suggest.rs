//! What may have been meant.

/// The known word that is nearest to what was typed, if any is near enough to be a slip of the fingers.
pub fn did_you_mean<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest(typed, known, 1 + typed.chars().count() / 4)
}

/// The known word that is nearest, at most so many slips away.
pub fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>, most: usize) -> Option<&'a str> {
    known.map(|word| (distance(typed, word), word)).filter(|(far, _)| *far <= most).min().map(|(_, word)| word)
}

/// How many letters have to be added, dropped, changed or swapped with their neighbour (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let change = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut least = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_fingers() {
        let known = ["serve", "version", "user add", "help"];
        let check = |typed, expected| assert_eq!(did_you_mean(typed, known.into_iter()), expected, "{typed}");
        check("sevre", Some("serve"));
        check("hlep", Some("help"));
        check("user ad", Some("user add"));
        check("verison", Some("version"));
        check("restart", None);
        check("", None);
    }
}
