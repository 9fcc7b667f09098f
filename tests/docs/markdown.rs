//! As much of Markdown as the manual uses: headings, fenced blocks, links.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Page {
    pub path: PathBuf,
    pub name: String,
    pub text: String,
    pub headings: Vec<(usize, String)>,
    pub blocks: Vec<Block>,
    pub links: Vec<String>,
}

pub struct Block {
    /// Of its first line, from 1.
    pub line: usize,
    /// What stands behind the fence: `sh`, `sh not-run`, `text`, …
    pub info: String,
    pub text: String,
}

impl Page {
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let mut page = Self {
            path: path.to_owned(),
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            headings: Vec::new(),
            blocks: Vec::new(),
            links: Vec::new(),
            text: text.clone(),
        };
        let mut open: Option<Block> = None;
        for (at, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (Some(_), Some(rest)) => {
                    assert!(rest.is_empty(), "{}:{}: a fence within a block", page.name, at + 1);
                    page.blocks.extend(open.take());
                }
                (None, Some(info)) => {
                    open = Some(Block { line: at + 2, info: info.to_owned(), text: String::new() });
                }
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => page.prose(line),
            }
        }
        assert!(open.is_none(), "{}: a block without an end", page.name);
        page
    }

    fn prose(&mut self, line: &str) {
        let level = line.chars().take_while(|c| *c == '#').count();
        if level > 0 && line[level..].starts_with(' ') {
            self.headings.push((level, line[level + 1..].to_owned()));
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        self.links.extend(targets.map(str::to_owned));
    }

    pub fn place(&self, block: &Block) -> String {
        format!("{}:{}", self.path.display(), block.line)
    }
}

impl Block {
    pub fn is_not_run(&self) -> bool {
        self.info == "sh not-run"
    }

    /// Without comments, which each language has in its own words.
    pub fn bare(&self) -> String {
        let lines = self.text.lines().map(|line| match line.trim_start().starts_with('#') {
            true => "",
            false => line.split(" # ").next().unwrap().trim_end(),
        });
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }
}
