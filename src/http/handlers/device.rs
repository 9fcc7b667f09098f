//! What a client calls itself, in words: `Firefox · Android`. They are names, so they need no translation.

/// Longest name of a program that is kept, in characters.
const PROGRAM_CHARS: usize = 40;

/// What stands in a `User-Agent`, and whose it is: the first that is found, since browsers also name those that they
/// resemble.
const PROGRAMS: &[(&str, &str)] = &[
    ("MicroMessenger/", "WeChat"),
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// `None` where it says nothing.
pub(crate) fn device(agent: &str) -> Option<String> {
    let find =
        |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    let program = find(PROGRAMS).map(str::to_owned).or_else(|| first_product(agent));
    let parts: Vec<String> = program.into_iter().chain(find(SYSTEMS).map(str::to_owned)).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// `curl` of `curl/8.5.0`; letters, digits and what stands in names, nothing that could be mistaken for our own words.
fn first_product(agent: &str) -> Option<String> {
    let product = agent.split(['/', ' ', '(']).find(|word| !word.is_empty())?;
    let name: String =
        product.chars().filter(|c| c.is_alphanumeric() || "-_.".contains(*c)).take(PROGRAM_CHARS).collect();
    (!name.is_empty() && name != "Mozilla").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_by_the_name_that_people_know() {
        for (agent, expected) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Some("Firefox · Linux")),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 \
                 Safari/537.36 Edg/143.0.0.0",
                Some("Edge · Windows"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile \
                 Safari/537.36",
                Some("Chrome · Android"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/26.0 Mobile/15E148 Safari/604.1",
                Some("Safari · iPhone"),
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) \
                 HeadlessChrome/143.0.0.0 Safari/537.36",
                Some("Chrome · macOS"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; V2366) AppleWebKit/537.36 Version/4.0 Chrome/116.0 Mobile Safari/537.36 \
                 MicroMessenger/8.0.50 Language/zh_CN",
                Some("WeChat · Android"),
            ),
            ("curl/8.14.1", Some("curl")),
            ("python-requests/2.32", Some("python-requests")),
            ("<script>alert(1)</script>", Some("scriptalert")),
            ("Mozilla/5.0", None),
            ("", None),
            ("()", None),
        ] {
            assert_eq!(device(agent).as_deref(), expected, "{agent}");
        }
        assert!(device(&"x".repeat(10_000)).is_some_and(|name| name.len() == PROGRAM_CHARS));
    }
}
