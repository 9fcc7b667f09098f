//! What the tests of this room render: honest documents, hostile ones, and a reader that knows what may come out.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::blocks;

/// Documents as models write them, and the constructs in which later text changes what stands before.
pub const DOCUMENTS: &[&str] = &[
    "# Title\n\nA paragraph with **bold**, *slanted* and `code`,\nbroken in the source.\n\n## Second\n\n1. one\n2. two\n\n   more of two\n3. three\n\nEnd.",
    "结论：**七年**。卡通常先坏在控制器上，\n所以*备份比寿命更要紧*。\n\n**注意：**不要用`rm`。他说**“好”**就走了。\n\n- [x] 加上 `noatime`\n- [ ] 移走缓存\n\n价格 3~5 元，6~8 元。",
    "| 来源 | 每天 | 占比 |\n|:-----|----:|:--:|\n| `/var/log` | 3.9 GB | 50 % |\n| 其他 | 0.4 GB |\n\nAfter the table\n\na | b\n--|--\n1 | 2\nlast paragraph? no, a row",
    "- a\n  - b\n    - c\n\n      para in c\n  - d\n- e\n\n\n- loose now\n\n1) x\n2) y\n* other list\n+ and another\n",
    "Before\n\n```rust\nfn main() {\n    println!(\"<hi> & bye\");\n}\n\n\n# not a heading",
    "~~~~ python title=\"x\"\n```\nnot the end\n```\n~~~~\n\n    indented\n\n    code\n\nend",
    "See [one], [two][] and [three][one].\n\nMore text about [two].\n\n> quote with [one]\n\n[one]: https://example.com/1 \"First\"\n[two]: <https://example.com/2>\n",
    "[early]: https://example.com/\n\nUses [early] here.\n\nAnd [early] there, too.\n",
    "A claim.[^a] Another.[^b]\n\nAgain the first.[^a]\n\n[^b]: The second note.\n\n[^a]: The first note\n    goes on.\n\n    With a second paragraph.\n\nText after the notes.[^c]\n\n[^c]: - a list\n      - in a note\n",
    "Heading one\n===========\n\nHeading two\n---\n\nNot a heading\n\n---\n\n***\n\nText\n- list right behind\n",
    "> quote\nlazy line\n> > deeper\n>\n> - list\n>   in quote\n\n> another\n",
    "Bare https://example.com/a_b?c=d. And <https://example.org> and <a@b.c>, ![alt](https://example.com/i.png) [![in](https://x.y/i)](https://x.y)\n\n~~gone~~ ~not~ a\\\nb<br>c  \nd\n",
    "<details>\n<summary>Raw</summary>\n\ninside **bold**\n\n</details>\n\n<!-- a comment\n\nover lines -->\n\ntext <b>inline</b>\n",
    "line one\r\nline two\r\n\r\n- item\r\n- item\r\n\r\n```\r\ncode\r\n```\r\nend\r\n",
    "$E = mc^2$ and $$\\frac{a}{b}$$ stay.\n\n\\* not a list \\*\n\n&copy; &#65; &unknown;\n",
    "42",
    "",
    "\n\n\n",
];

/// Answers as models write them, and not as CommonMark has it.
pub const ANSWERS: &[&str] = &[
    "价格是**￥100**元，约**$100**左右。\n\n学**C++**语言和**C#**语言，用**~/.bashrc**文件。",
    "**注意：**这句*很重要*，~~这句。~~不算。表情**😀**也行，路径**/etc/hosts**在这里。",
    "Inline \\(a_1 + b_1 = c_1\\) and \\(x*y*z\\) end.\n\nDisplay:\n\n\\[\n\\frac{a}{b} = \\sum_{i=1}^{n} x_i \\\\\n= 2\n\\]\n\nDone.",
    "Dollars $a_1 * b_2$ and $$\\int_0^1 f_{n}(x)\\,dx < \\infty$$ end.\n\nIt costs $5 or $10, US$20 to $30.\n\n$$\nE = mc^2 \\\\\na < b\n$$\n",
    "Here is the README:\n\n```markdown\n# Tool\n\nInstall it:\n\n```bash\nnpm install tool\n```\n\n## Use\n\n```\ntool | less\n```\n\nThat is all.\n```\n\nAnd this sentence stands after the document.",
    "Run this: ```bash\nls -la\n```\nand look at the output.",
    "| Operator | Meaning | Example |\n|---|:-:|--:|\n| `a | b` | or | `x || y` |\n| `&` | and | **3** |\n\nThat was the table.",
    "The night comes down,\nthe lamps are lit,\nthe kettle sings,\nand here we sit.\n\n姓名：王小明\n电话：123\n地址：北京",
    "> [!NOTE]\n> This is worth knowing.\n\n> [!WARNING]\n> 这样会**丢失**数据。\n\nH~2~O is H<sub>2</sub>O, press <kbd>Ctrl</kbd>+<kbd>C</kbd>.",
    "<details>\n<summary>More about **it**</summary>\n\nHidden *words* and\n\n- a list\n\n</details>\n\nShown again.",
    "<details>\n<summary>详情</summary>\n没有空行的**内容**\n</details>\n后面的话",
    "# One\n## Two\n### Three\n#### Four\n\n1. Do:\n\n   ```bash\nnpm install\n   ```\n2. Then look.\n\n- [x] done\n- [ ] not done\n",
    "See [the manual](https://example.com/a_(b)?c=d \"Title\") and ![a picture](https://example.com/i.png), `code` and ``co`de``.\n\nAT&amp;T &copy; &lt;3 <https://e.org>.\n",
    "```rust\nfn main() {\n    println!(\"{}\", 1 << 2); // shift\n}\n```\n\n```diff\n-old\n+new\n```\n",
    "Use `src/**/*.rs` or src/**/*.md, 2**3**4 and 3*4*5; __init__ and snake_case_name.\n",
    "- **Key:** value\n- **键**：值\n  - *nested* item\n    with a second line\n\n***bold italic*** and **bold *nested* bold**.\n",
];

/// Answers that were looked at, a file for each subject: its name, the answers, and what they give. Lines `%%%%` stand
/// between them, in `golden/*.md` as in `golden/*.html`.
pub static GOLDEN: LazyLock<Vec<(String, String, String)>> = LazyLock::new(|| {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let files = std::fs::read_dir(golden_folder()).expect("a folder").flatten().map(|entry| entry.path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    files.sort();
    let name = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), read(path), read(&path.with_extension("html")))).collect()
});

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render/golden")
}

pub fn golden() -> impl Iterator<Item = &'static str> {
    GOLDEN.iter().flat_map(|(_, markdown, _)| markdown.split("%%%%\n"))
}

/// Those that end where they were meant to: what is broken off shows its marks in the end.
pub fn finished() -> impl Iterator<Item = &'static str> {
    let finished = GOLDEN.iter().filter(|(name, ..)| name != "broken");
    finished.flat_map(|(_, markdown, _)| markdown.split("%%%%\n"))
}

/// Raw material for [`soup`]: everything that opens, closes or breaks something.
const PIECES: &[&str] = &[
    "$",
    "$$",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "x^2",
    "\\frac{1}{2}",
    "<details>\n",
    "</details>",
    "</details>\n",
    "<summary>",
    "</summary>\n",
    "<sub>",
    "</sub>",
    "<kbd>",
    "> [!NOTE]\n",
    "```markdown\n",
    "￥100",
    "\n\n```\n",
    "\n",
    "\n",
    "\n\n",
    "\n\n",
    "\n    ",
    "\n  ",
    "\t",
    " ",
    "- ",
    "* ",
    "1. ",
    "2) ",
    "> ",
    "# ",
    "## ",
    "```",
    "~~~",
    "```rs\n",
    "`",
    "``",
    "*",
    "**",
    "***",
    "_",
    "__",
    "~~",
    "~",
    "[",
    "]",
    "(",
    ")",
    "](http://a.b)",
    "[x]: http://c.d\n",
    "[x]",
    "[^1]",
    "[^1]: ",
    "\n[^n]: ",
    "![",
    "<b>",
    "</b>",
    "<!--",
    "-->",
    "<div>\n",
    "<script>",
    "|",
    "a|b\n",
    "-|-\n",
    "|:-:|-:|\n",
    "---\n",
    "===\n",
    "\\",
    "&amp;",
    "&",
    "word",
    "two words",
    "中文",
    "，",
    "：",
    "“",
    "”",
    "**：**",
    "https://e.f/",
    "[ ] ",
    "[x] ",
    "- [ ] t\n",
    "\r\n",
    "\"",
    "'",
    "<http://g.h>",
    "  \n",
    "\0",
    "é",
    "😀",
    "<br>",
    ":",
    "!",
    "0",
    "+ ",
    "- - -\n",
];

/// A small generator that gives the same numbers every time (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

pub fn soup(random: &mut Random, most: usize) -> String {
    let length = 1 + random.below(most);
    (0..length).map(|_| PIECES[random.below(PIECES.len())]).collect()
}

/// Reads HTML as strictly as this room writes it, and fails on everything that is not on the list.
pub fn assert_safe(html: &str, source: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        assert_text(&rest[..at], source);
        let end = at + tag_length(&rest[at..]).unwrap_or_else(|| panic!("a tag without end in {html:?} of {source:?}"));
        let tag = &rest[at + 1..end - 1];
        rest = &rest[end..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "unbalanced: {html} of {source:?}");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(TAGS.contains(&name), "<{name}> in {html:?} of {source:?}");
        assert_attributes(name, attributes, source);
        if !["br", "hr", "input"].contains(&name) {
            open.push(name);
        }
    }
    assert_text(rest, source);
    assert!(open.is_empty(), "left open: {open:?} in {html:?} of {source:?}");
}

const TAGS: &[&str] = &[
    "sub",
    "kbd",
    "details",
    "summary",
    "math",
    "mi",
    "mn",
    "mo",
    "ms",
    "mtext",
    "mspace",
    "mrow",
    "msub",
    "msup",
    "msubsup",
    "munder",
    "mover",
    "munderover",
    "mfrac",
    "msqrt",
    "mroot",
    "mtable",
    "mtr",
    "mtd",
    "mstyle",
    "mpadded",
    "mphantom",
    "p",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "ul",
    "ol",
    "li",
    "input",
    "span",
    "figure",
    "figcaption",
    "pre",
    "code",
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "em",
    "strong",
    "del",
    "a",
    "sup",
    "br",
    "hr",
];

fn tag_length(text: &str) -> Option<usize> {
    let mut in_quotes = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => in_quotes = !in_quotes,
            b'>' if !in_quotes => return Some(at + 1),
            b'<' if at > 0 => return None,
            _ => {}
        }
    }
    None
}

fn assert_text(text: &str, source: &str) {
    assert!(!text.contains(['>', '"', '\0']), "raw mark in {text:?} of {source:?}");
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|entity| text[at..].starts_with(entity));
        assert!(known, "raw & in {text:?} of {source:?}");
    }
}

fn assert_attributes(tag: &str, attributes: &str, source: &str) {
    let mut rest = attributes;
    while !rest.is_empty() {
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let name = &rest[..end];
        rest = &rest[end..];
        let mut value = "";
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let close = quoted.find('"').expect("a closing quote");
            value = &quoted[..close];
            rest = &quoted[close + 1..];
            assert!(!value.contains(['<', '>']), "{value:?} of {source:?}");
        }
        rest = rest.strip_prefix(' ').unwrap_or(rest);
        let fine = match (tag, name) {
            (tag, name) if tag.starts_with('m') => is_mathml(name, value),
            (tag, "lang") if tag != "a" => ["zh-CN", "ja", "ko", "ru", "ar", "he"].contains(&value),
            (tag, "dir") if tag != "a" => value == "rtl",
            ("details", "open") => value.is_empty(),
            ("blockquote", "class") => value == "callout",
            ("blockquote", "data-state") => ["info", "pass", "warn", "fail"].contains(&value),
            ("p", "class") => value == "callout-title",
            ("input", "aria-label") => ["done", "to do", "已完成", "未完成"].contains(&value),
            ("span", "class") => value.strip_prefix("hl-").is_some_and(|class| {
                ["keyword", "string", "number", "name", "comment", "insert", "delete"].contains(&class)
            }),
            ("a", "href") => {
                let lower = value.to_ascii_lowercase();
                ["http://", "https://", "mailto:", "#fn"].iter().any(|start| lower.starts_with(start))
                    && !value.chars().any(char::is_control)
            }
            ("a", "rel") => value == "noopener noreferrer nofollow",
            ("a", "target") => value == "_blank",
            ("a", "title") | ("div", "aria-label") => true,
            ("a", "role") => ["doc-noteref", "doc-backlink"].contains(&value),
            ("a" | "li", "id") => value.starts_with("fn"),
            ("div", "role") => ["region", "doc-endnotes"].contains(&value),
            ("div", "class") => ["table-scroll", "footnotes"].contains(&value),
            ("div" | "pre", "tabindex") => value == "0",
            ("ul", "class") => value == "task-list",
            ("ol", "start") => value.bytes().all(|byte| byte.is_ascii_digit()),
            ("td" | "th", "class") => ["u-number", "u-center"].contains(&value),
            ("th", "scope") => value == "col",
            ("input", "type") => value == "checkbox",
            ("input", "checked" | "disabled") => value.is_empty(),
            ("figure", "class") => value == "code",
            ("figcaption", "class") => value == "row is-apart code-head meta",
            _ => false,
        };
        assert!(fine, "<{tag} {name}={value:?}> of {source:?}");
    }
}

fn is_mathml(name: &str, value: &str) -> bool {
    let known = "accent accentunder class depth display displaystyle fence form height largeop linethickness lspace \
                 mathvariant maxsize minsize movablelimits rspace scriptlevel separator stretchy symmetric voffset width";
    known.split(' ').any(|known| known == name)
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .%-+#".contains(&byte))
}

fn check(markdown: &str, expected: &[&str]) {
    assert_eq!(blocks(markdown), expected, "{markdown}");
}

const A: &str = "rel=\"noopener noreferrer nofollow\" target=\"_blank\"";

#[test]
fn markup_is_what_the_page_expects() {
    check("# A\n## B\n### C", &["<h2>A</h2>", "<h3>B</h3>", "<h4>C</h4>"]);
    check(
        "a *b* **c** ~~d~~ `e<`  \nf",
        &["<p>a <em>b</em> <strong>c</strong> <del>d</del> <code>e&lt;</code><br>\nf</p>"],
    );
    check(
        "- a\n- b\n  1. c\n\n5. d",
        &["<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>", "<ol start=\"5\"><li>d</li></ol>"],
    );
    check("> q\n\n---", &["<blockquote><p>q</p></blockquote>", "<hr>"]);
    check(
        "```rust,ignore\na < b\n\n```",
        &["<figure class=\"code\"><figcaption class=\"row is-apart code-head meta\"><span>rust</span></figcaption>\
         <pre tabindex=\"0\"><code>a &lt; b\n</code></pre></figure>"],
    );
    check(
        "- [x] a\n- [ ] b\n- c",
        &[
            "<ul class=\"task-list\"><li><input type=\"checkbox\" checked disabled aria-label=\"done\"><span>a</span></li>\
         <li><input type=\"checkbox\" disabled aria-label=\"to do\"><span>b</span></li><li><span></span><span>c</span></li></ul>",
        ],
    );
    check(
        "- [ ] a\n\n- [ ] b",
        &[
            "<ul class=\"task-list\"><li><input type=\"checkbox\" disabled aria-label=\"to do\"><span><p>a</p></span></li>\
         <li><input type=\"checkbox\" disabled aria-label=\"to do\"><span><p>b</p></span></li></ul>",
        ],
    );
    check(
        "a|b|c\n:-|-:|-\n`x`|1\n||z",
        &["<div class=\"table-scroll\" tabindex=\"0\" role=\"region\" aria-label=\"a, b, c\"><table><thead><tr>\
         <th scope=\"col\">a</th><th scope=\"col\" class=\"u-number\">b</th><th scope=\"col\">c</th></tr></thead><tbody>\
         <tr><td><code>x</code></td><td class=\"u-number\">1</td></tr><tr><td></td><td class=\"u-number\">z</td></tr>\
         </tbody></table></div>"],
    );
    check(
        "<b>x</b><br/>y\n\n<div>\nz\n</div>",
        &["<p>&lt;b&gt;x&lt;/b&gt;<br>y</p>", "<p>&lt;div&gt;<br>\nz<br>\n&lt;/div&gt;</p>"],
    );
    check(
        "$x^2$ 3~5 元，6~8 元",
        &["<p lang=\"zh-CN\"><math><msup><mi>x</mi><mn>2</mn></msup></math> 3~5 元，6~8 元</p>"],
    );
}

/// `GOLDEN=write` writes them anew; look at them in a browser before they are committed.
#[test]
fn answers_look_as_they_did_when_they_were_looked_at() {
    for (name, markdown, expected) in GOLDEN.iter() {
        let answers = markdown.split("%%%%\n").map(|answer| blocks(answer).join("\n"));
        let html = answers.collect::<Vec<_>>().join("\n%%%%\n") + "\n";
        let path = golden_folder().join(name);
        if std::env::var("GOLDEN").is_ok_and(|value| value == "write") {
            std::fs::write(path.with_extension("html"), &html).expect("written");
            continue;
        }
        for (new, old) in html.split("%%%%").zip(expected.split("%%%%")) {
            assert_eq!(new, old, "in golden/{name}.md");
        }
        assert_eq!(&html, expected, "golden/{name}.md");
    }
    golden().for_each(|answer| blocks(answer).iter().for_each(|block| assert_safe(block, answer)));
    assert!(golden().count() >= 200, "{} answers", golden().count());
}

#[test]
fn emphasis_works_beside_anything() {
    let strong = |before: &str, words: &str, after: &str| {
        let html = blocks(&format!("{before}**{words}**{after}")).concat();
        assert!(html.contains(&format!("{before}<strong>{words}</strong>{after}")), "{html}");
        let twice = blocks(&format!("{before}**{words}**{after}{before}**{words}**{after}")).concat();
        assert_eq!(twice.matches(&format!("<strong>{words}</strong>")).count(), 2, "{twice}");
    };
    for words in [
        "￥100",
        "$100",
        "C++",
        "C#",
        "+5",
        "-5°C",
        "#标签",
        "@某人",
        "~/.bashrc",
        "/etc/hosts",
        ".env",
        "--force",
        "😀",
        "（甲）",
        "“好”",
        "中文，",
        "50%",
        "a.b",
        "→",
        "注意：",
        "《书》",
        "f(x)",
        "<b",
        "100…",
    ] {
        let words = words.replace('<', "");
        strong("价格是", &words, "元");
        strong("价格是 ", &words, " 元");
        strong("，", &words, "，");
    }
    check("~~这句。~~不算", &["<p lang=\"zh-CN\"><del>这句。</del>不算</p>"]);
    check("***很重要！***的", &["<p lang=\"zh-CN\"><em><strong>很重要！</strong></em>的</p>"]);
    check("**外*内*外**的", &["<p lang=\"zh-CN\"><strong>外<em>内</em>外</strong>的</p>"]);
    check("src/**/*.rs and test/**/*.rs, 2**3**4", &["<p>src/**/*.rs and test/**/*.rs, 2**3**4</p>"]);
    check("f(*args, **kwargs) and g(**kwargs)", &["<p>f(*args, **kwargs) and g(**kwargs)</p>"]);
}

#[test]
fn fences_hold_what_models_put_in_them() {
    let count = |markdown: &str| blocks(markdown).iter().map(|block| block.matches("<figure").count()).sum::<usize>();
    for document in [
        "```markdown\n# T\n\n```bash\nls\n```\n\nx\n```\n\nAfter.",
        "```md\nTree:\n\n```\na/\n```\n\nx\n```\nAfter.",
        "````markdown\n```sh\nls\n```\n````\n\nAfter.",
    ] {
        assert_eq!(count(document), 1, "{document}");
        assert_eq!(blocks(document).last().map(String::as_str), Some("<p>After.</p>"), "{document}");
    }
    assert_eq!(count("Run this: ```bash\nls\n```\nThen that."), 1);
    assert_eq!(count("1. Do:\n\n   ```sh\nls\n   ```\n2. Next"), 1);
    assert_eq!(blocks("1. Do:\n\n   ```sh\nls\n   ```\n2. Next").len(), 1);
}

#[test]
fn tables_lose_no_words() {
    let html = blocks("| a | b |\n|---|:-:|\n| `x | y` | z |\n| 1 | 2 | 3 |").concat();
    assert!(html.contains("<code>x | y</code></td><td class=\"u-center\">z</td>"), "{html}");
    assert!(html.contains("<td class=\"u-center\">2 | 3</td>"), "{html}");
    let html = blocks("| a | b |\n|---|---|\n| $|x|$ | `y` |").concat();
    assert!(html.contains("</math></td><td><code>y</code></td>"), "{html}");
}

#[test]
fn formulas_are_set_and_money_is_not() {
    let count = |markdown: &str| blocks(markdown).concat().matches("<math").count();
    let check = |markdown: &str, expected: usize| assert_eq!(count(markdown), expected, "{markdown}");
    check("\\(x\\), \\[y = 1\\], $z$ and $$w$$", 4);
    check("$$\na = b \\\\\nc < d\n$$", 1);
    check("> \\[\n> a = b\n> \\]", 1);
    check("- a\n  \\[\n  - b = c\n  \\]", 1);
    for text in [
        "It costs $5 or $10, US$20 to $30.",
        "价格$5，运费$3。",
        "$5-$10",
        "$HOME and $PATH",
        "a $5 b 10$",
        "`$x$`",
        "$5.00 and then 3$",
        "\\[1\\] and \\(see below\\)",
        "\\(x",
        "$$",
        "$ x $",
        "\\$x\\$",
        "```\n$x$\n```",
        "https://a.b/?x=$y&z=$w",
    ] {
        check(text, 0);
    }
    assert_eq!(
        blocks("\\(\\unknown*x*\\)"),
        ["<p>\\(\\unknown*x*\\)</p>"],
        "what cannot be set stands as it was written"
    );
}

#[test]
fn some_html_is_an_element_and_always_balanced() {
    check("H<sub>2</sub>O <KBD>x</KBD>", &["<p>H<sub>2</sub>O <kbd>x</kbd></p>"]);
    check("a <sub>b *c</sub> d*", &["<p>a <sub>b <em>c&lt;/sub&gt; d</em></sub></p>"]);
    check("</kbd> <sub>x", &["<p>&lt;/kbd&gt; <sub>x</sub></p>"]);
    check(
        "<details>\n<summary>S **s**</summary>\n*b*\n</details>\nc",
        &["<details><summary>S <strong>s</strong></summary><p><em>b</em></p></details>", "<p>c</p>"],
    );
    check("<details>\n\na", &["<details><p>a</p></details>"]);
    check("> <details>\n> a\n\nb", &["<blockquote><details><p>a</p></details></blockquote>", "<p>b</p>"]);
    check(
        "> [!TIP]\n> a",
        &["<blockquote class=\"callout\" data-state=\"pass\"><p class=\"callout-title\">Tip</p><p>a</p></blockquote>"],
    );
}

#[test]
fn links_open_elsewhere_and_pictures_are_links() {
    check("[a](https://b.c \"t\")", &[&format!("<p><a href=\"https://b.c\" title=\"t\" {A}>a</a></p>")]);
    check("[a](/b) [c](javascript:d)", &["<p>a c</p>"]);
    check("[](https://b.c)", &[&format!("<p><a href=\"https://b.c\" {A}>https://b.c</a></p>")]);
    check("<me@b.c>", &[&format!("<p><a href=\"mailto:me@b.c\" {A}>me@b.c</a></p>")]);
    check("![alt *x*](https://b.c/i.png)", &[&format!("<p><a href=\"https://b.c/i.png\" {A}>alt <em>x</em></a></p>")]);
    check("[![alt](https://i)](https://b.c)", &[&format!("<p><a href=\"https://b.c\" {A}>alt</a></p>")]);
    check("![alt](data:image/png;base64,AA)", &["<p>alt</p>"]);
    check("看https://b.c/d_e。", &[&format!("<p>看<a href=\"https://b.c/d_e\" {A}>https://b.c/d_e</a>。</p>")]);
    check("`https://b.c`", &["<p><code>https://b.c</code></p>"]);
}

#[test]
fn chinese_reads_as_it_was_meant() {
    check("**注意：**不要", &["<p lang=\"zh-CN\"><strong>注意：</strong>不要</p>"]);
    check("他说**“好”**就走", &["<p lang=\"zh-CN\">他说<strong>“好”</strong>就走</p>"]);
    check(
        "用**`ls`**看，**重点**是**（甲）**和**乙**。",
        &[
            "<p lang=\"zh-CN\">用<strong><code>ls</code></strong>看，<strong>重点</strong>是<strong>（甲）</strong>和<strong>乙</strong>。</p>",
        ],
    );
    check(
        "一行，\n又一行\nand `a**：**b`",
        &["<p lang=\"zh-CN\">一行，<br>\n又一行<br>\nand <code>a**：**b</code></p>"],
    );
    check("⹄**甲：**乙", &["<p lang=\"zh-CN\">⹄**甲：**乙</p>"]);
}

#[test]
fn notes_are_numbered_and_come_last() {
    let html = blocks("A[^x] B[^y] C[^x]\n\n[^y]: second\n[^x]: first\n[^z]: unused\n\nend");
    let key = &html[0][html[0].find("#fn-").expect("a reference") + 4..][..8];
    assert_eq!(html.len(), 3);
    assert_eq!(html[1], "<p>end</p>");
    let reference = |n: u8, id: &str| format!("<sup><a href=\"#fn-{key}-{n}\"{id} role=\"doc-noteref\">{n}</a></sup>");
    let (first, second) = (format!(" id=\"fnref-{key}-1\""), format!(" id=\"fnref-{key}-2\""));
    assert_eq!(html[0], format!("<p>A{} B{} C{}</p>", reference(1, &first), reference(2, &second), reference(1, "")));
    let note = |n: u8, text: &str| {
        format!("<li id=\"fn-{key}-{n}\"><p>{text} <a href=\"#fnref-{key}-{n}\" role=\"doc-backlink\">↩</a></p></li>")
    };
    let list = format!("{}{}<li><p>unused</p></li>", note(1, "first"), note(2, "second"));
    assert_eq!(html[2], format!("<div class=\"footnotes\" role=\"doc-endnotes\"><ol>{list}</ol></div>"));
}

#[test]
fn nothing_hostile_comes_through() {
    let hostile = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <img src=x onerror=alert(1)> b",
        "<svg/onload=alert(1)>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "</p></div></body><script>x</script>",
        "<!-- --><script>x</script> <!--> <script>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](&#x6A&#x61;vascript&colon;alert(1))",
        "[x](java&Tab;script:alert(1))",
        "[x](java&NewLine;script:alert(1))",
        "[x](<java\tscript:alert(1)>)",
        "[x]( javascript:alert(1))",
        "[x](\u{1}javascript:alert(1))",
        "[x](\\javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox(1))",
        "[x](file:///etc/passwd)",
        "[x](https://a.b\"onmouseover=\"alert(1))",
        "[x](https://a.b 'title\" onmouseover=\"alert(1)')",
        "[x](https://a.b \"<script>\")",
        "[x]\n\n[x]: javascript:alert(1) \"t\"",
        "<javascript:alert(1)>",
        "<data:text/html,x>",
        "<https://a.b/\"onclick=alert(1)>",
        "![x](javascript:alert(1))",
        "![\" onerror=\"alert(1)](https://a.b/x.png)",
        "![x](https://a.b/x.png\"onerror=\"alert(1))",
        "[![x](https://a.b/i)](javascript:alert(1))",
        "[a [b](https://c.d)](https://e.f)",
        "```\"><script>alert(1)</script>\nx\n```",
        "```<img/src=x/onerror=alert(1)>\n</code></pre><script>\n```",
        "`</code><script>`",
        "a|<script>\n-|-\n\"><img src=x onerror=alert(1)>|x",
        "| a\" onload=\"x | b |\n|---|--:|\n| 1 | 2 |",
        "x[^\"><script>]\n\n[^\"><script>]: <script>note</script>",
        "https://a.b/<script>alert(1)</script>",
        "https://a.b/\"onmouseover=alert(1)",
        "https://a.b/?x=&quot;&lt;script&gt;",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&#60;script&#62;",
        "# <script>\n\n- <script>\n\n> <script>",
        "<br onclick=alert(1)><br/ ><BR>",
        "\0<scr\0ipt>",
        "<p title=\"`\" onclick=\"x\">`</p>",
        "<![CDATA[<script>]]><?php ?><!DOCTYPE x>",
        "- [x] <input autofocus onfocus=alert(1)>",
        "<style>@import 'x'</style><math><mi//xlink:href=\"data:x,<script>\">",
    ];
    for source in hostile.iter().chain(DOCUMENTS).chain(ANSWERS) {
        for html in blocks(source) {
            assert_safe(&html, source);
        }
    }
}

#[test]
fn any_text_comes_out_safe_and_linear() {
    let mut random = Random(3);
    for _ in 0..3_000 {
        let source = soup(&mut random, 60);
        let html = blocks(&source);
        html.iter().for_each(|block| assert_safe(block, &source));
        let size: usize = html.iter().map(String::len).sum();
        assert!(size <= source.len() * 40 + 400, "{size} bytes from {}: {source:?}", source.len());
    }
}

/// The examples of specifications, which are not ours to keep here: `make spec` fetches them and names their files. Those
/// of GitHub's extensions stand in the tests of the parser's own package.
#[test]
fn examples_of_specifications_keep_their_words() {
    let files = std::env::var("MARKDOWN_SPECS").unwrap_or_default();
    for file in files.split(':').filter(|file| !file.is_empty()) {
        let text = std::fs::read_to_string(file).expect("a specification");
        let is_rust = file.ends_with(".rs");
        let examples = if is_rust { examples_of_tests(&text) } else { examples_of_specification(&text) };
        let mut lost = Vec::new();
        for (source, expected) in &examples {
            let html = blocks(source);
            html.iter().for_each(|block| assert_safe(block, source));
            let shown = html.concat();
            let words = without_tags(expected);
            let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1);
            lost.extend(words.filter(|word| !shown.contains(word)).map(|word| format!("{word:?} of {source:?}")));
        }
        let examples = examples.len();
        println!("{examples} examples in {file}");
        assert!(examples > if is_rust { 1 } else { 500 }, "{examples} examples in {file}");
        assert!(lost.is_empty(), "{} words of {examples} examples lost:\n{}", lost.len(), lost.join("\n"));
    }
}

/// Markdown and its HTML.
type Example = (String, String);

fn examples_of_specification(text: &str) -> Vec<Example> {
    let example = |piece: &str| {
        let (body, _) = piece.split_once('\n')?.1.split_once("\n````````````````````````````````")?;
        let (source, expected) = body.split_once("\n.\n").or_else(|| body.split_once(".\n"))?;
        Some((source.replace('→', "\t"), expected.to_owned()))
    };
    text.split("\n```````````````````````````````` example").skip(1).filter_map(example).collect()
}

fn examples_of_tests(text: &str) -> Vec<Example> {
    let literal = |text: &str| Some(text.split_once("r##\"")?.1.split_once("\"##")?.0.to_owned());
    let example = |piece: &str| {
        let (source, expected) = piece.split_once("let expected = ")?;
        Some((literal(source)?, literal(expected)?))
    };
    text.split("let original = ").skip(1).filter_map(example).collect()
}

fn without_tags(html: &str) -> String {
    let pieces = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.collect::<Vec<_>>().join(" ")
}

/// On the smallest stack that a thread of ours has, and in a time that is only kept by linear work.
#[test]
fn bombs_do_nothing() {
    let lines = |line: &str, times: usize| line.repeat(times);
    let bombs = [
        ("quotes", lines(">", 100_000)),
        ("quotes with blanks and lines", lines("> ", 20_000) + &lines("\n", 50_000) + &lines(">\n", 20_000)),
        ("links", lines("[", 50_000)),
        ("links closed", lines("[", 25_000) + &lines("]", 25_000)),
        ("links half", lines("[a](", 25_000)),
        ("links half, title", lines("[a](b \"", 15_000)),
        ("pictures", lines("![", 50_000)),
        ("stars", lines("*", 100_000)),
        ("stars opening", lines("*a ", 50_000)),
        ("stars both", lines("a**b*c_", 20_000)),
        ("underscores", lines("_a __b ", 20_000)),
        ("tildes", lines("~~a ~b ", 20_000)),
        ("nested em", lines("*a _b ", 20_000) + &lines("_ *", 20_000)),
        ("ticks", (1..400).map(|n| "`".repeat(n) + " ").collect()),
        ("lists in one line", lines("- ", 50_000) + "x"),
        ("lists and blank lines", lines("- ", 50_000) + &lines("\n", 50_000)),
        ("numbers in one line", lines("1. ", 30_000) + "x"),
        (
            "lists by indent",
            (0..400).map(|depth| " ".repeat(depth * 2) + "- x\n").collect::<String>() + &lines("\n", 50_000),
        ),
        (
            "indent and text",
            (0..40).map(|depth| " ".repeat(depth * 2) + "- x\n").collect::<String>() + &lines("y\n\n", 20_000),
        ),
        ("mixed containers", lines("> - 1. ", 15_000) + &lines("\n> ", 15_000)),
        ("wide table", format!("{}\n{}\n{}", lines("|a", 5_000), lines("|-:", 5_000), lines("|\n", 2_000))),
        ("html", lines("<a ", 30_000)),
        ("html comments", lines("<!-- ", 30_000)),
        ("html inline comments", "x".to_owned() + &lines("<!-- a <?b <![CDATA[ ", 10_000)),
        ("definitions", (0..10_000).map(|n| format!("[{n}]: http://a.b/{n}\n")).collect()),
        ("one definition, many uses", format!("[a]: http://{}\n\n{}", lines("b", 20_000), lines("[a] ", 20_000))),
        ("notes", (0..5_000).map(|n| format!("x[^{n}]\n\n[^{n}]: y\n")).collect()),
        ("notes in notes", lines("[^a]: ", 10_000)),
        ("note labels", lines("[^", 40_000)),
        ("entities", lines("&amp", 30_000)),
        ("backslashes", lines("\\", 100_000)),
        ("environments", lines("\\begin{align} ", 20_000)),
        ("environments that end as others", lines("\\begin{align}\\end{split} ", 10_000)),
        ("brackets", lines("https://a.b/(", 10_000) + &lines(")", 50_000)),
        ("addresses", lines("http", 50_000)),
        ("fences", lines("```\n", 20_000)),
        ("rules", lines("- - - ", 20_000)),
        ("rule almost", lines("- ", 50_000) + "a"),
        ("setext", lines("a\n=\n", 20_000)),
        ("tasks", lines("- [ ] x\n", 15_000)),
        ("nested tasks", (0..20).map(|depth| " ".repeat(depth * 2) + "- [ ] x\n").collect::<String>().repeat(200)),
        ("joints", lines("：**不", 15_000)),
        ("carriage returns", lines("- a\r", 20_000)),
    ];
    let run = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || {
        for (name, source) in bombs {
            let start = computed();
            let html = blocks(&source);
            let took = computed() - start;
            let size: usize = html.iter().map(String::len).sum();
            if std::env::var_os("BOMBS").is_some() {
                eprintln!("{name}: {} bytes, {size} out, {took:?}", source.len());
            }
            assert!(took < Duration::from_secs(5), "{name}: {took:?}");
            assert!(size <= source.len() * 24 + 200_000, "{name}: {size} bytes from {}", source.len());
            html.iter().for_each(|block| assert_safe(block, name));
        }
    });
    run.expect("a thread").join().expect("no bomb goes off");
}

/// What this thread has computed, however much else the machine had to do.
fn computed() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a clock that only goes forward")
}
