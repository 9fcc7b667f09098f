//! The languages that are coloured: their names, words and marks.

/// How a language is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Code,
    /// Words at the beginning of a line are commands.
    Shell,
    /// `key: value`
    Keys,
    /// `key = value` below `[sections]`.
    Ini,
    /// Style sheets.
    Style,
    /// Tags.
    Markup,
    Diff,
}

pub struct Language {
    pub names: &'static [&'static str],
    pub form: Form,
    pub keywords: &'static str,
    /// How a comment begins, and how it ends when that is not the end of the line.
    pub comments: &'static [(&'static str, &'static str)],
    pub strings: &'static [&'static str],
    /// Characters that a variable begins with.
    pub sigils: &'static str,
    /// Characters within a word besides letters, digits and `_`.
    pub inner: &'static str,
    pub has_escapes: bool,
    /// Single quotes hold one character.
    pub has_chars: bool,
    /// A word before a parenthesis is a name.
    pub has_calls: bool,
    /// A capitalised word is a name.
    pub has_types: bool,
    pub is_case_insensitive: bool,
}

pub fn find(name: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
pub fn names() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().map(|language| language.names[0])
}

type Pairs = &'static [(&'static str, &'static str)];
const SLASHES: Pairs = &[("//", ""), ("/*", "*/")];
const HASH: Pairs = &[("#", "")];
const QUOTES: &[&str] = &["\"", "'"];

const CODE: Language = Language {
    names: &[],
    form: Form::Code,
    keywords: "",
    comments: SLASHES,
    strings: QUOTES,
    sigils: "",
    inner: "",
    has_escapes: true,
    has_chars: false,
    has_calls: true,
    has_types: false,
    is_case_insensitive: false,
};

/// Languages of the family of C.
const BRACES: Language = Language { has_chars: true, has_types: true, ..CODE };
const PLAIN: Language = Language { has_calls: false, comments: HASH, ..CODE };

static LANGUAGES: &[Language] = &[
    Language {
        names: &["rust", "rs"],
        keywords: "as async await break const continue crate dyn else enum extern fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait type unsafe use where while bool char str u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64",
        ..BRACES
    },
    Language {
        names: &["c", "h"],
        keywords: "auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool size_t include define ifdef ifndef endif pragma",
        has_types: false,
        sigils: "#",
        ..BRACES
    },
    Language {
        names: &["cpp", "c++", "cc", "hpp", "cxx", "arduino", "ino"],
        keywords: "alignas auto bool break case catch char class const constexpr continue default delete do double else enum explicit export extern float for friend goto if inline int long mutable namespace new noexcept nullptr operator override private protected public return short signed sizeof static struct switch template this throw try typedef typename union unsigned using virtual void volatile while co_await co_return concept requires",
        sigils: "#",
        ..BRACES
    },
    Language {
        names: &["csharp", "cs", "c#"],
        keywords: "abstract as async await base bool break byte case catch char class const continue decimal default delegate do double else enum event explicit extern finally fixed float for foreach get if implicit in init int interface internal is lock long namespace new object out override params private protected public readonly record ref return sbyte sealed set short sizeof static string struct switch this throw try typeof uint ulong unsafe using var virtual void while yield",
        ..BRACES
    },
    Language {
        names: &["java"],
        keywords: "abstract assert boolean break byte case catch char class const continue default do double else enum extends final finally float for if implements import instanceof int interface long native new package private protected public record return sealed short static super switch synchronized this throw throws transient try var void volatile while yield",
        sigils: "@",
        ..BRACES
    },
    Language {
        names: &["kotlin", "kt", "kts"],
        keywords: "abstract as break by catch class companion const constructor continue data do else enum final finally for fun if import in init inline interface internal is lateinit object open operator override package private protected public return sealed super suspend this throw try typealias val var vararg when where while",
        strings: &["\"\"\"", "\"", "'"],
        sigils: "@",
        ..BRACES
    },
    Language {
        names: &["swift"],
        keywords: "actor as associatedtype async await break case catch class continue default defer deinit do else enum extension fallthrough fileprivate for func guard if import in init inout internal is lazy let mutating nonisolated open override private protocol public repeat rethrows return self Self static struct subscript super switch throw throws try typealias var weak where while some any",
        strings: &["\"\"\"", "\""],
        sigils: "@",
        ..BRACES
    },
    Language {
        names: &["go", "golang"],
        keywords: "any bool break byte case chan const continue default defer else error fallthrough float32 float64 for func go goto if import int int32 int64 interface map package range return rune select string struct switch type uint uint8 uint32 uint64 var",
        strings: &["\"", "'", "`"],
        ..BRACES
    },
    Language {
        names: &["javascript", "js", "jsx", "mjs", "cjs", "node"],
        keywords: "async await break case catch class const continue debugger default delete do else export extends finally for from function get if import in instanceof let new of return set static super switch this throw try typeof var void while with yield",
        strings: &["\"", "'", "`"],
        inner: "$",
        has_types: true,
        ..CODE
    },
    Language {
        names: &["typescript", "ts", "tsx", "vue", "svelte"],
        keywords: "abstract any as async await boolean break case catch class const continue declare default delete do else enum export extends finally for from function get if implements import in infer instanceof interface keyof let namespace never new number object of private protected public readonly return satisfies set static string super switch this throw try type typeof unknown var void while yield",
        strings: &["\"", "'", "`"],
        inner: "$",
        sigils: "@",
        has_types: true,
        ..CODE
    },
    Language {
        names: &["python", "py", "python3", "ipython"],
        keywords: "and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return self try while with yield",
        comments: HASH,
        strings: &["\"\"\"", "'''", "\"", "'"],
        sigils: "@",
        has_types: true,
        ..CODE
    },
    Language {
        names: &["ruby", "rb"],
        keywords: "alias and attr_accessor attr_reader begin break case class def defined do else elsif end ensure extend for if in include module next not or private protected raise redo require require_relative rescue retry return self super then unless until when while yield",
        comments: HASH,
        sigils: "@",
        inner: "?",
        has_types: true,
        ..CODE
    },
    Language {
        names: &["php"],
        keywords: "abstract array as break case catch class clone const continue declare default do echo else elseif enum extends final finally fn for foreach function global if implements include include_once instanceof interface match namespace new print private protected public readonly require require_once return static switch throw trait try use var while yield php",
        comments: &[("//", ""), ("/*", "*/"), ("#", "")],
        sigils: "$",
        has_types: true,
        ..CODE
    },
    Language {
        names: &["perl", "pl"],
        keywords: "and die do else elsif eq for foreach if last local my ne next no not or our package print printf push qw redo require return say shift sub undef unless until use while",
        comments: HASH,
        sigils: "$@%",
        ..CODE
    },
    Language {
        names: &["lua"],
        keywords: "and break do else elseif end for function goto if in local not or repeat return then until while",
        comments: &[("--[[", "]]"), ("--", "")],
        ..CODE
    },
    Language {
        names: &["r", "rscript"],
        keywords: "break else for function if in library next repeat return while TRUE FALSE NA",
        comments: HASH,
        inner: ".",
        ..CODE
    },
    Language {
        names: &["julia", "jl"],
        keywords: "abstract begin break catch const continue do else elseif end export finally for function global if import in let local macro module mutable quote return struct try using where while",
        comments: &[("#=", "=#"), ("#", "")],
        strings: &["\"\"\"", "\"", "'"],
        sigils: "@",
        has_chars: true,
        has_types: true,
        ..CODE
    },
    Language {
        names: &["scala", "sc"],
        keywords: "abstract case catch class def do else enum extends extension final finally for given if implicit import lazy match new object override package private protected return sealed super then this throw trait try type using val var while with yield",
        strings: &["\"\"\"", "\"", "'"],
        ..BRACES
    },
    Language {
        names: &["dart"],
        keywords: "abstract as assert async await bool break case catch class const continue default do double dynamic else enum export extends extension factory final finally for get if implements import in int is late library mixin new num on override part required return set static String super switch sync this throw try typedef var void while with yield",
        strings: &["'''", "\"\"\"", "\"", "'"],
        sigils: "@",
        has_types: true,
        ..CODE
    },
    Language {
        names: &["haskell", "hs", "elm", "ocaml", "ml", "fsharp", "fs"],
        keywords: "and as case class data deriving do else exception fun function if import in infixl infixr instance let match module mutable newtype of open otherwise rec then try type val when where with",
        comments: &[("--", ""), ("{-", "-}"), ("(*", "*)"), ("//", "")],
        strings: &["\"", "'"],
        inner: "'",
        has_chars: true,
        has_calls: false,
        has_types: true,
        ..CODE
    },
    Language {
        names: &["elixir", "ex", "exs", "erlang", "erl"],
        keywords: "after alias and case catch cond def defmodule defp defstruct do else end fn for if import in not or quote raise receive require rescue try unless unquote use when with",
        comments: &[("#", ""), ("%", "")],
        strings: &["\"\"\"", "\"", "'"],
        sigils: "@:",
        inner: "?!",
        has_types: true,
        ..CODE
    },
    Language {
        names: &["clojure", "clj", "lisp", "scheme", "elisp", "racket"],
        keywords: "and cond def define defmacro defn defun do fn for if lambda let loop ns or quote recur require set! when",
        comments: &[(";", "")],
        strings: &["\""],
        inner: "-?!*",
        has_calls: false,
        ..CODE
    },
    Language {
        names: &["zig"],
        keywords: "align and anyerror anytype bool break catch comptime const continue defer else enum errdefer error export extern fn for if inline orelse or packed pub return struct switch test try type u8 u16 u32 u64 i32 i64 f32 f64 usize undefined union unreachable usingnamespace var void while",
        sigils: "@",
        ..BRACES
    },
    Language {
        names: &["sql", "mysql", "postgresql", "postgres", "sqlite", "plsql", "psql"],
        keywords: "add all alter analyze and as asc begin between bigint boolean by cascade case char check column commit constraint create cross database date default delete desc distinct drop else end exists explain foreign from full function grant group having if in index inner insert int integer interval into is join key left like limit not null numeric offset on or order outer over partition pragma primary real references returning revoke right rollback row rows select set table temporary text then timestamp transaction trigger true truncate union unique update using values varchar view when where window with",
        comments: &[("--", ""), ("/*", "*/"), ("#", "")],
        is_case_insensitive: true,
        ..CODE
    },
    Language {
        names: &["bash", "sh", "shell", "zsh", "fish", "console", "terminal", "shell-session", "shellsession"],
        form: Form::Shell,
        keywords: "alias break case cd continue declare do done echo elif else esac eval exec exit export fi for function if in local printf read readonly return set shift source test then trap unset until while",
        sigils: "$",
        inner: "-.",
        ..PLAIN
    },
    Language {
        names: &["powershell", "ps1", "pwsh", "batch", "bat", "cmd"],
        form: Form::Shell,
        keywords: "begin break catch continue do echo else elseif end exit filter finally for foreach function goto if in param process rem return set switch throw try until while",
        comments: &[("<#", "#>"), ("#", ""), ("::", "")],
        sigils: "$",
        inner: "-",
        has_escapes: false,
        is_case_insensitive: true,
        ..CODE
    },
    Language {
        names: &["html", "xml", "svg", "xhtml", "rss", "plist", "markup"],
        form: Form::Markup,
        comments: &[("<!--", "-->")],
        ..CODE
    },
    Language {
        names: &["css", "scss", "less", "sass"],
        form: Form::Style,
        comments: SLASHES,
        sigils: "$",
        inner: "-",
        ..CODE
    },
    Language { names: &["json", "jsonc", "json5", "jsonl"], form: Form::Keys, comments: SLASHES, ..PLAIN },
    Language { names: &["yaml", "yml"], form: Form::Keys, keywords: "yes no on off", ..PLAIN },
    Language {
        names: &["toml", "ini", "conf", "cfg", "properties", "env", "dotenv", "systemd", "service", "desktop"],
        form: Form::Ini,
        comments: &[("#", ""), (";", "")],
        strings: &["\"\"\"", "'''", "\"", "'"],
        ..PLAIN
    },
    Language {
        names: &["nginx", "apache", "caddyfile", "fstab", "crontab", "hosts"],
        keywords: "events http listen location proxy_pass return rewrite root server server_name upstream",
        sigils: "$",
        ..PLAIN
    },
    Language {
        names: &["dockerfile", "docker", "containerfile"],
        keywords: "add arg as cmd copy entrypoint env expose from healthcheck label onbuild run shell stopsignal user volume workdir",
        sigils: "$",
        is_case_insensitive: true,
        ..PLAIN
    },
    Language {
        names: &["makefile", "make", "cmake", "just", "justfile"],
        keywords: "define else endef endif export if ifdef ifeq ifndef ifneq include override add_executable project set target_link_libraries",
        sigils: "$",
        ..PLAIN
    },
    Language {
        names: &["hcl", "terraform", "tf", "nix"],
        keywords: "data dynamic for for_each if in inherit let locals module output provider rec resource terraform then variable with",
        comments: &[("#", ""), ("//", ""), ("/*", "*/")],
        ..CODE
    },
    Language {
        names: &["protobuf", "proto", "graphql", "gql", "solidity", "sol"],
        keywords: "address bool bytes contract enum event extend fragment function import input interface mapping message mutation option package public query repeated return returns rpc scalar schema service string struct subscription syntax type uint256 union view",
        ..BRACES
    },
    Language {
        names: &["matlab", "octave"],
        keywords: "break case catch classdef continue else elseif end for function global if otherwise parfor persistent return switch try while",
        comments: &[("%", ""), ("#", "")],
        has_escapes: false,
        ..CODE
    },
    Language { names: &["latex", "tex"], comments: &[("%", "")], strings: &[], sigils: "\\", has_calls: false, ..CODE },
    Language { names: &["diff", "patch", "udiff"], form: Form::Diff, ..CODE },
];
