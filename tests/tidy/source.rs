//! A Rust file split into code and comments, line by line, with what a rule needs to know about each line.
//!
//! A small scanner, not a parser: it knows comments (nested), strings (plain, raw, byte, C), character literals and
//! braces. The inside of strings and comments is blanked in `code`, so a rule never trips over a word in a message.
//! Columns and line numbers stay those of the file.

/// One line of a file.
#[derive(Debug, Default, Clone)]
pub struct Line {
    /// The code, comments and the inside of strings replaced by blanks.
    pub code: String,
    /// The text of the comments on the line.
    pub comment: String,
    /// The line as it stands.
    pub text: String,
    /// Inside an item that is compiled for tests alone.
    pub is_test: bool,
    /// How many inline modules the line is in.
    pub module_depth: usize,
}

/// A Rust file.
#[derive(Debug)]
pub struct Source {
    /// Path in the project.
    pub path: String,
    /// Its lines; the first one is line 1.
    pub lines: Vec<Line>,
}

/// A function's place: its name and its first and last line, counted from 0, and its signature.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub first: usize,
    pub last: usize,
    pub signature: String,
}

/// Names of modules that are compiled for tests alone.
pub const TEST_MODULES: [&str; 2] = ["testing", "tests"];

#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    LineComment,
    BlockComment(usize),
    Text,
    RawText(usize),
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let mut lines = scan(text);
        mark_regions(&mut lines);
        let is_test = TEST_MODULES.iter().any(|name| path.ends_with(&format!("/{name}.rs")));
        lines.iter_mut().for_each(|line| line.is_test |= is_test);
        Self { path: path.to_owned(), lines }
    }

    /// The room that the file belongs to: the folder under `src`, or the name of a file right in `src`.
    pub fn room(&self) -> Option<&str> {
        let inner = self.path.strip_prefix("src/")?;
        Some(inner.split_once('/').map_or(inner.trim_end_matches(".rs"), |(folder, _)| folder))
    }

    /// Whether the file is part of the library itself.
    pub fn is_library(&self) -> bool {
        self.path.starts_with("src/")
    }

    /// Every function with a body.
    pub fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (first, line) in self.lines.iter().enumerate() {
            for at in word_positions(&line.code, "fn") {
                let name: String = line.code[at + 2..].trim_start().chars().take_while(|c| is_word(*c)).collect();
                if let (false, Some((last, signature))) = (name.is_empty(), self.body_end(first, at)) {
                    functions.push(Function { name, first, last, signature });
                }
            }
        }
        functions
    }

    /// The line that closes the first brace block after the place, and the text before that brace.
    fn body_end(&self, first: usize, column: usize) -> Option<(usize, String)> {
        let mut depth = 0_usize;
        let mut brackets = 0_usize;
        let mut signature = String::new();
        for (number, line) in self.lines.iter().enumerate().skip(first) {
            let start = if number == first { column } else { 0 };
            for symbol in line.code[start..].chars() {
                match symbol {
                    '{' => depth += 1,
                    '}' if depth <= 1 => return (depth == 1).then_some((number, signature)),
                    '}' => depth -= 1,
                    '(' | '[' => brackets += 1,
                    ')' | ']' => brackets = brackets.saturating_sub(1),
                    ';' if depth == 0 && brackets == 0 => return None,
                    _ => {}
                }
                if depth == 0 {
                    signature.push(symbol);
                }
            }
            signature.push(' ');
        }
        None
    }

    /// All code from a place up to the end of the file, newlines kept.
    pub fn code_from(&self, number: usize, column: usize) -> String {
        let mut code = self.lines[number].code[column..].to_owned();
        for line in &self.lines[number + 1..] {
            code.push('\n');
            code.push_str(&line.code);
        }
        code
    }
}

/// Whether a character can be part of a name.
pub fn is_word(symbol: char) -> bool {
    symbol.is_alphanumeric() || symbol == '_'
}

/// Byte positions at which `word` stands by itself, not as part of a longer name.
pub fn word_positions(code: &str, word: &str) -> Vec<usize> {
    let starts_with_word = word.starts_with(is_word);
    let ends_with_word = word.ends_with(is_word);
    code.match_indices(word)
        .filter(|(at, _)| !starts_with_word || !code[..*at].ends_with(is_word))
        .filter(|(at, _)| !ends_with_word || !code[at + word.len()..].starts_with(is_word))
        .map(|(at, _)| at)
        .collect()
}

fn scan(text: &str) -> Vec<Line> {
    let mut state = State::Code;
    let mut lines = Vec::new();
    for text in text.lines() {
        if state == State::LineComment {
            state = State::Code;
        }
        let mut line = Line { text: text.to_owned(), ..Line::default() };
        let mut rest = text;
        while !rest.is_empty() {
            let size = step(&mut state, rest, text.len() - rest.len(), &mut line);
            rest = &rest[size..];
        }
        lines.push(line);
    }
    lines
}

/// Takes one token off the front of `rest`, files it, and answers its size in bytes.
fn step(state: &mut State, rest: &str, column: usize, line: &mut Line) -> usize {
    let first_size = rest.chars().next().map_or(1, char::len_utf8);
    let (size, is_code) = match *state {
        State::Code => return step_code(state, rest, column, line),
        State::LineComment => (rest.len(), false),
        State::BlockComment(depth) if rest.starts_with("*/") => {
            *state = if depth == 1 { State::Code } else { State::BlockComment(depth - 1) };
            (2, false)
        }
        State::BlockComment(depth) if rest.starts_with("/*") => {
            *state = State::BlockComment(depth + 1);
            (2, false)
        }
        State::BlockComment(_) => (first_size, false),
        State::Text if rest.starts_with('\\') => {
            let escaped = rest[1..].chars().next().map_or(0, char::len_utf8);
            line.code.push_str(&" ".repeat(1 + escaped));
            return 1 + escaped;
        }
        State::Text if rest.starts_with('"') => {
            *state = State::Code;
            (1, true)
        }
        State::RawText(hashes) if rest.starts_with(&format!("\"{}", "#".repeat(hashes))) => {
            *state = State::Code;
            (1 + hashes, true)
        }
        State::Text | State::RawText(_) => {
            line.code.push_str(&" ".repeat(first_size));
            return first_size;
        }
    };
    if is_code {
        line.code.push_str(&rest[..size]);
    } else {
        line.comment.push_str(&rest[..size]);
        line.code.push_str(&" ".repeat(size));
    }
    size
}

fn step_code(state: &mut State, rest: &str, column: usize, line: &mut Line) -> usize {
    let after_word = line.text[..column].ends_with(is_word);
    let blank = |line: &mut Line, size: usize| {
        line.code.push_str(&" ".repeat(size));
        size
    };
    if rest.starts_with("//") {
        *state = State::LineComment;
        return 0;
    }
    if rest.starts_with("/*") {
        *state = State::BlockComment(1);
        line.comment.push_str("/*");
        return blank(line, 2);
    }
    if let (false, Some(hashes)) = (after_word, raw_string_hashes(rest)) {
        *state = State::RawText(hashes);
        let size = rest.find('"').map_or(1, |at| at + 1);
        return blank(line, size);
    }
    if let Some(size) = character_size(rest) {
        return blank(line, size);
    }
    let first = rest.chars().next().unwrap_or(' ');
    if first == '"' {
        *state = State::Text;
    }
    line.code.push(first);
    first.len_utf8()
}

/// The count of hashes, where a raw string begins.
fn raw_string_hashes(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let inner = &rest[prefix.len()..];
    let hashes = inner.len() - inner.trim_start_matches('#').len();
    inner[hashes..].starts_with('"').then_some(hashes)
}

/// The size of a character literal; a lifetime is none.
fn character_size(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        let skipped = escape.chars().next()?.len_utf8();
        return escape[skipped..].find('\'').map(|at| 2 + skipped + at + 1);
    }
    let size = inner.chars().next()?.len_utf8();
    inner[size..].starts_with('\'').then_some(size + 2)
}

/// Notes for each line whether it belongs to a test item, and how many inline modules it is in.
fn mark_regions(lines: &mut [Line]) {
    let mut depth = 0_usize;
    let mut pending_test = false;
    let mut pending_module = false;
    let mut test_depth: Option<usize> = None;
    let mut modules: Vec<usize> = Vec::new();
    for line in lines {
        let code = line.code.clone();
        pending_test |= code.contains("#[cfg(test)]") || code.contains("#[test]");
        pending_module |= !word_positions(&code, "mod").is_empty() && code.contains('{');
        line.is_test = pending_test || test_depth.is_some();
        line.module_depth = modules.len();
        for symbol in code.chars() {
            match symbol {
                '{' => {
                    if std::mem::take(&mut pending_module) {
                        modules.push(depth);
                    }
                    if std::mem::take(&mut pending_test) && test_depth.is_none() {
                        test_depth = Some(depth);
                    }
                    depth += 1;
                }
                '}' => {
                    depth = depth.saturating_sub(1);
                    if test_depth == Some(depth) {
                        test_depth = None;
                    }
                    if modules.last() == Some(&depth) {
                        modules.pop();
                    }
                }
                ';' if test_depth.is_none() => pending_test = false,
                _ => {}
            }
        }
    }
}
