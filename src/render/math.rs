//! Formulas: TeX to MathML by `pulldown-latex`, within limits, and through a list of what may come out.

use pulldown_latex::config::DisplayMode;
use pulldown_latex::{Parser, RenderConfig, Storage, push_mathml};

use super::escape::escape;

/// Groups, environments and commands inside each other: the parser calls itself for each.
const DEPTH: usize = 24;
/// How much longer than its source the result may be, in times and bytes.
const GROWTH: (usize, usize) = (24, 1024);

/// Appends the formula; false, and nothing is appended, where it cannot be set.
pub fn write(out: &mut String, tex: &str, is_display: bool) -> bool {
    let tex = understood(tex.trim());
    let tex = if has_lines(&tex) { format!("\\begin{{aligned}}{tex}\\end{{aligned}}") } else { tex };
    let Some(mathml) = within_limits(&tex).then(|| mathml(&tex, is_display)).flatten() else { return false };
    let start = out.len();
    let is_fine = filter(out, &mathml).is_some() && out.len() - start <= tex.len() * GROWTH.0 + GROWTH.1;
    if !is_fine {
        out.truncate(start);
    }
    is_fine
}

fn mathml(tex: &str, is_display: bool) -> Option<String> {
    let display_mode = if is_display { DisplayMode::Block } else { DisplayMode::Inline };
    // A message must not become unreadable because of a formula that its parser stumbles over.
    std::panic::catch_unwind(|| {
        let storage = Storage::new();
        let events: Result<Vec<_>, _> = Parser::new(tex, &storage).collect();
        let events = events.ok()?.into_iter().map(Ok::<_, std::io::Error>);
        let mut mathml = String::new();
        push_mathml(&mut mathml, events, RenderConfig { display_mode, ..RenderConfig::default() }).ok()?;
        Some(mathml)
    })
    .ok()?
}

/// Commands that models use and the parser does not know, in its words; an empty one goes with its argument.
const COMMANDS: &[(&str, &str)] = &[
    ("bm", "\\boldsymbol "),
    ("pmb", "\\boldsymbol "),
    ("mbox", "\\text "),
    ("ce", "\\mathrm "),
    ("boxed", "{}"),
    ("argmax", "\\operatorname{arg\\,max}"),
    ("argmin", "\\operatorname{arg\\,min}"),
    ("nonumber", ""),
    ("notag", ""),
    ("displaylines", ""),
    ("label", ""),
    ("require", ""),
    ("lt", "<"),
    ("gt", ">"),
    ("degree", "^\\circ "),
    ("R", "\\mathbb{R}"),
    ("N", "\\mathbb{N}"),
    ("Z", "\\mathbb{Z}"),
];
/// Of those the ones whose argument goes, too.
const DROPPED: [&str; 2] = ["label", "require"];

fn understood(tex: &str) -> String {
    let mut out = String::with_capacity(tex.len());
    let mut rest = tex;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let name = &rest[at + 1..];
        let name = &name[..name.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(name.len())];
        let mut end = at + 1 + name.len();
        match COMMANDS.iter().find(|(known, _)| *known == name) {
            Some((_, instead)) => out.push_str(instead),
            None if name.is_empty() => {
                end += rest[at + 1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[at..end]);
            }
            None => out.push_str(&rest[at..end]),
        }
        rest = &rest[end..];
        if name == "tag"
            && let Some((number, behind)) = rest.strip_prefix('{').and_then(|argument| argument.split_once('}'))
        {
            out.truncate(out.len() - "\\tag".len());
            out.push_str(&format!("\\qquad\\text{{({number})}}"));
            rest = behind;
        }
        if DROPPED.contains(&name)
            && let Some(close) = rest.strip_prefix('{').and_then(|argument| argument.find('}'))
        {
            rest = &rest[close + 2..];
        }
    }
    out + rest
}

/// Whether lines or columns stand outside of any environment, where the parser wants one.
fn has_lines(tex: &str) -> bool {
    let mut depth = 0_usize;
    let mut rest = tex;
    while let Some(at) = rest.find(['\\', '&']) {
        rest = &rest[at..];
        let length = match rest {
            _ if rest.starts_with("\\begin") => {
                depth += 1;
                1
            }
            _ if rest.starts_with("\\end") => {
                depth = depth.saturating_sub(1);
                1
            }
            _ if depth == 0 && (rest.starts_with("\\\\") || rest.starts_with('&')) => return true,
            _ if rest.starts_with('\\') => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => 1,
        };
        rest = &rest[length..];
    }
    false
}

/// No macros, and nothing so deep that it would cost the stack.
fn within_limits(tex: &str) -> bool {
    let (mut depth, mut chain, mut at) = (0_usize, 0, 0);
    let bytes = tex.as_bytes();
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'\\' => {
                let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
                match &tex[at..at + length] {
                    "" => at += 1,
                    "left" | "begin" => depth += 1,
                    "right" | "end" => depth = depth.saturating_sub(1),
                    name if name.ends_with("def") || name.ends_with("command") || name == "let" => return false,
                    _ => chain += 1,
                }
                at += length;
                if depth + chain > DEPTH * 2 {
                    return false;
                }
                continue;
            }
            b' ' | b'^' | b'_' => continue,
            _ => {}
        }
        chain = 0;
        if depth > DEPTH {
            return false;
        }
    }
    true
}

const ELEMENTS: &[&str] = &[
    "math",
    "merror",
    "mfrac",
    "mi",
    "mmultiscripts",
    "mn",
    "mo",
    "mover",
    "mpadded",
    "mphantom",
    "mprescripts",
    "mroot",
    "mrow",
    "ms",
    "mspace",
    "msqrt",
    "mstyle",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
];
const ATTRIBUTES: &[&str] = &[
    "accent",
    "accentunder",
    "class",
    "depth",
    "display",
    "displaystyle",
    "fence",
    "form",
    "height",
    "largeop",
    "linethickness",
    "lspace",
    "mathvariant",
    "maxsize",
    "minsize",
    "movablelimits",
    "rspace",
    "scriptlevel",
    "separator",
    "stretchy",
    "symmetric",
    "voffset",
    "width",
];

/// Copies MathML, elements and attributes on the list only; `None` where it is anything else.
fn filter(out: &mut String, mathml: &str) -> Option<()> {
    let mut rest = mathml;
    while let Some(at) = tag_start(rest) {
        text(out, &rest[..at]);
        let end = at + rest[at..].find('>')?;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        let name = tag.split(' ').next()?.trim_matches('/');
        if name == "merror" || !ELEMENTS.contains(&name) {
            return None;
        }
        if tag.starts_with('/') {
            out.push_str("</");
            out.push_str(name);
        } else {
            out.push('<');
            out.push_str(name);
            attributes(out, tag[name.len()..].trim_end_matches('/'))?;
            if tag.ends_with('/') {
                out.push_str("></");
                out.push_str(name);
            }
        }
        out.push('>');
    }
    text(out, rest);
    Some(())
}

/// The renderer leaves a sign of comparison as it is, which is no tag.
fn tag_start(mathml: &str) -> Option<usize> {
    mathml
        .match_indices('<')
        .map(|(at, _)| at)
        .find(|at| mathml.as_bytes().get(at + 1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'/'))
}

fn attributes(out: &mut String, mut attributes: &str) -> Option<()> {
    while let Some((name, value)) = attributes.trim_start().split_once("=\"") {
        let (value, behind) = value.split_once('"')?;
        attributes = behind;
        let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .%-+#".contains(&byte));
        let is_default = (name, value) == ("display", "inline");
        if ATTRIBUTES.contains(&name) && is_plain && !is_default {
            out.push_str(&format!(" {name}=\"{value}\""));
        }
        if name == "class" && value.starts_with("menv-alignlike") {
            out.push_str(" displaystyle=\"true\""); // a table's cells are set small otherwise
        }
    }
    Some(())
}

/// Text that may hold the entities that the renderer writes.
fn text(out: &mut String, text: &str) {
    let text = text.replace("&amp;nbsp;", "\u{a0}").replace("&nbsp;", "\u{a0}");
    let mut rest = text.as_str();
    while let Some(at) = rest.find('&') {
        escape(out, &rest[..at]);
        let entity = ["&amp;", "&lt;", "&gt;", "&quot;"].into_iter().find(|entity| rest[at..].starts_with(entity));
        let entity = entity.inspect(|entity| out.push_str(entity)).map_or(0, str::len);
        if entity == 0 {
            out.push_str("&amp;");
        }
        rest = &rest[at + entity.max(1)..];
    }
    escape(out, rest);
}

#[cfg(test)]
mod tests {
    use super::super::corpus::Random;
    use super::*;

    fn html(tex: &str) -> Option<String> {
        let mut out = String::new();
        write(&mut out, tex, false).then_some(out)
    }

    #[test]
    fn formulas_become_mathml() {
        assert_eq!(html("x").as_deref(), Some("<math><mi>x</mi></math>"));
        for tex in [
            "E = mc^2",
            r"x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}",
            r"\begin{cases} x & \text{if } x > 0 \\ -x & \text{否则} \end{cases}",
            r"\begin{aligned} a &= b + c \\ &= d \end{aligned}",
            r"\boxed{x = 42} \tag{1}",
            r"\bm{x} < \mbox{D} \label{eq:1}",
            r"\left\{ x \in \mathbb{Z} \;\middle|\; x > 0 \right\}",
        ] {
            assert!(html(tex).is_some_and(|html| html.starts_with("<math>")), "{tex}");
        }
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        for tex in
            [r"\def\a{\a\a}\a", r"\newcommand\x[1]{#1}", r"\unknown{x}", r"\href{javascript:alert(1)}{x}", "{", "x^"]
        {
            assert_eq!(html(tex), None, "{tex}");
        }
        let bombs = [
            "{",
            "\\frac",
            "\\left(",
            "\\sqrt{",
            "\\sqrt",
            "\\begin{matrix}",
            "\\text{",
            "\\hat",
            "_{^",
            "\\not",
            "^",
            "'",
        ];
        for bomb in bombs {
            html(&bomb.repeat(4096 / bomb.len()));
        }
        let nested = "{".repeat(2000) + &"}".repeat(2000);
        assert_eq!(html(&nested), None);
    }

    #[test]
    fn any_text_comes_out_on_the_list() {
        let pieces = [
            "x",
            "1",
            "+",
            "^",
            "_",
            "{",
            "}",
            "\\frac",
            "\\sqrt",
            "\\left",
            "\\right",
            "(",
            ")",
            "[",
            "]",
            "\\text{",
            "<",
            ">",
            "&",
            "\"",
            "\\\\",
            "\\begin{matrix}",
            "\\end{matrix}",
            "\\begin{array}{c|c}",
            "\\end{array}",
            "\\hline",
            "\\color{red}",
            "\\operatorname{",
            "中",
            "'",
            "|",
            "\\",
            " ",
            "%",
            "#1",
            "~",
            "\\class{",
            "\\sum",
            "\\limits",
            "\\big",
            "\\,",
            "\0",
            "é",
            "\\hspace{1em}",
            "\\mathbb",
            "$",
            "\\overset",
            "\\xrightarrow",
            "\\cancel",
            "\\underbrace",
        ];
        let mut random = Random(17);
        for _ in 0..20_000 {
            let tex: String = (0..1 + random.below(20)).map(|_| pieces[random.below(pieces.len())]).collect();
            if let Some(html) = html(&tex) {
                super::super::corpus::assert_safe(&html, &tex);
            }
        }
    }
}
