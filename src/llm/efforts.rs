//! How deeply models can be asked to think. A list of models mostly does not say it, and a choice that has no effect is
//! worse than none: so there is a table, by the beginnings of the models' names. What a provider states comes before it,
//! and what it has refused before both.

use super::Kind;
use super::lessons::{Lessons, Quirk};
use super::models::Model;

type Efforts = &'static [&'static str];

const NONE_TO_HIGH: Efforts = &["none", "low", "medium", "high"];
const NONE_TO_XHIGH: Efforts = &["none", "low", "medium", "high", "xhigh"];
const LOW_TO_HIGH: Efforts = &["low", "medium", "high"];
const LOW_TO_MAX: Efforts = &["low", "medium", "high", "xhigh", "max"];
const MEDIUM_TO_XHIGH: Efforts = &["medium", "high", "xhigh"];
const MINIMAL_TO_HIGH: Efforts = &["minimal", "low", "medium", "high"];
const LOW_HIGH_MAX: Efforts = &["low", "high", "max"];
const ON_OFF: Efforts = &["none", "high"];

/// Variants in whose names these stand take no effort: for talk, pictures, speech, search and reports.
const OTHERS: [&str; 9] =
    ["-chat", "-audio", "-image", "-tts", "-realtime", "-transcribe", "-search", "deep-research", "embed"];

/// What models whose names begin like this take; the first that fits counts.
///
/// As of 2026-11-28. OpenAI, Gemini, Kimi, Mistral: the model list of PyPI `litellm` 1.110.2 (`reasoning_effort_levels`,
/// `supports_…_reasoning_effort`) and what it sends to each. GLM: <https://docs.bigmodel.cn/cn/guide/models/text/glm-5.3>.
/// DeepSeek: low, high and max of its V4 family; it ignores others. Doubao: its levels as clients list them, not checked
/// against the vendor. gpt-oss: <https://docs.ollama.com/capabilities/thinking>.
#[rustfmt::skip] // a table
const TABLE: &[(&str, Efforts)] = &[
    ("gpt-oss", LOW_TO_HIGH),
    ("gpt-6.1-sol", LOW_TO_MAX), ("gpt-6-astra", LOW_TO_MAX), ("gpt-6-rosalind", LOW_TO_MAX),
    ("gpt-6", &["none", "low", "medium", "high", "xhigh", "max"]),
    ("gpt-5.5-pro", MEDIUM_TO_XHIGH), ("gpt-5.4-pro", MEDIUM_TO_XHIGH), ("gpt-5.2-pro", MEDIUM_TO_XHIGH),
    ("gpt-5.1-codex-max", &["low", "medium", "high", "xhigh"]), ("gpt-5.1-codex", LOW_TO_HIGH),
    ("gpt-5.1", NONE_TO_HIGH),
    ("gpt-5-pro", &["high"]), ("gpt-5-codex", LOW_TO_HIGH),
    ("gpt-5.", NONE_TO_XHIGH),
    ("gpt-5", MINIMAL_TO_HIGH),
    ("o1", LOW_TO_HIGH), ("o3", LOW_TO_HIGH), ("o4-mini", LOW_TO_HIGH),
    ("gemini-2.5-pro", LOW_TO_HIGH), ("gemini-2.5-flash", NONE_TO_HIGH),
    ("gemini-3", LOW_TO_HIGH), ("gemini-4", LOW_TO_HIGH),
    ("deepseek-v4", LOW_HIGH_MAX), ("deepseek-flash", LOW_HIGH_MAX),
    ("kimi-k3", LOW_HIGH_MAX),
    ("glm-5.3", LOW_HIGH_MAX),
    ("mistral-medium", ON_OFF), ("mistral-small", ON_OFF), ("mistral-large-4", ON_OFF), ("devstral", ON_OFF),
    ("doubao-seed", MINIMAL_TO_HIGH),
];

/// What a model takes; `None`: that is not known.
pub(super) fn of(kind: Kind, model: &Model, lessons: &Lessons) -> Option<Vec<&'static str>> {
    let asks_together = matches!(kind, Kind::Responses | Kind::Ollama);
    let is_refused = lessons.has(Quirk::NoEffort) || lessons.has(Quirk::NoThinking) && asks_together;
    if is_refused || model.thinking == Some(false) {
        return Some(Vec::new());
    }
    let stated = Some(&model.efforts).filter(|efforts| !efforts.is_empty());
    if let Some(efforts) = lessons.efforts.as_ref().or(stated) {
        return Some(efforts.clone());
    }
    match kind {
        // A server of Anthropic's wire that says nothing of effort does not know it.
        Kind::Anthropic | Kind::Demo => Some(Vec::new()),
        Kind::OpenAi | Kind::Responses => named(&model.id).map(<[_]>::to_vec),
        // Only gpt-oss has levels at Ollama; others think or do not, and do where nothing is asked.
        Kind::Ollama if model.id.rsplit('/').next().is_some_and(|name| name.starts_with("gpt-oss")) => {
            Some(LOW_TO_HIGH.to_vec())
        }
        Kind::Ollama => model.thinking.map(|_| vec!["none"]),
    }
}

/// By the name behind the vendor's, as routers write it.
fn named(id: &str) -> Option<Efforts> {
    let name = id.rsplit('/').next().unwrap_or(id).to_ascii_lowercase();
    if OTHERS.iter().any(|other| name.contains(other)) {
        return None;
    }
    let is_at_its_end = |start: &str| {
        let next = name[start.len()..].chars().next();
        start.ends_with('.') || next.is_none_or(|next| !next.is_ascii_alphanumeric())
    };
    let row = TABLE.iter().find(|(start, _)| name.starts_with(start) && is_at_its_end(start));
    row.map(|(_, efforts)| *efforts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::EFFORTS;

    fn check(kind: Kind, id: &str, thinking: Option<bool>, lessons: &str, expected: Option<&str>) {
        let model = Model { id: id.to_owned(), thinking, ..Model::default() };
        let seen = of(kind, &model, &Lessons::from_text(lessons)).map(|efforts| efforts.join(" "));
        assert_eq!(seen.as_deref(), expected, "{kind:?} {id} {lessons}");
    }

    #[test]
    fn a_table_where_nothing_is_stated() {
        for kind in [Kind::OpenAi, Kind::Responses] {
            check(kind, "gpt-6-luna", None, "", Some("none low medium high xhigh max"));
            check(kind, "gpt-6.1-sol-2026-10-01", None, "", Some("low medium high xhigh max"));
            check(kind, "gpt-5.4-mini", None, "", Some("none low medium high xhigh"));
            check(kind, "gpt-5-mini", None, "", Some("minimal low medium high"));
            check(kind, "openai/gpt-5.1", None, "", Some("none low medium high"));
            check(kind, "models/gemini-2.5-pro", None, "", Some("low medium high"));
            check(kind, "gpt-5-chat-latest", None, "", None);
            check(kind, "gpt-50", None, "", None);
            check(kind, "gpt-4o", None, "", None);
            check(kind, "openhermes-o1x", None, "", None);
            check(kind, "GLM-5.3-flash", None, "", Some("low high max"));
        }
        check(Kind::Anthropic, "gpt-5", None, "", Some(""));
    }

    #[test]
    fn what_was_refused_counts_before_everything() {
        check(Kind::OpenAi, "gpt-5", None, "no-effort", Some(""));
        check(Kind::OpenAi, "gpt-5", None, "efforts=low,high", Some("low high"));
        check(Kind::OpenAi, "gpt-5", None, "no-thinking", Some("minimal low medium high"));
        check(Kind::Responses, "gpt-5", None, "no-thinking", Some(""));
        check(Kind::OpenAi, "gpt-5", Some(false), "", Some(""));
    }

    #[test]
    fn models_of_ollama_think_or_do_not() {
        check(Kind::Ollama, "qwen3:8b", Some(true), "", Some("none"));
        check(Kind::Ollama, "llama3", Some(false), "", Some(""));
        check(Kind::Ollama, "llama3", None, "", None);
        check(Kind::Ollama, "gpt-oss:20b", Some(true), "", Some("low medium high"));
        check(Kind::Ollama, "qwen3:8b", Some(true), "no-thinking", Some(""));
    }

    #[test]
    fn all_rows_are_levels_in_their_order() {
        for (start, efforts) in TABLE {
            let places: Vec<_> =
                efforts.iter().map(|effort| EFFORTS.iter().position(|known| known == effort)).collect();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{start}");
        }
    }
}
