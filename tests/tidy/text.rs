//! Rules for every file, whatever its language: how it opens, how long it is, what it must not say.

use crate::source::word_positions;

/// The longest a source file may be; past it, a second concept hides in the file.
pub const FILE_LINES_MAX: usize = 450;

/// The longest a function of C or Python may be.
const FUNCTION_LINES_MAX: usize = crate::rust::FUNCTION_LINES_MAX;

/// Words that promise work for later. Put together here, so that this file does not hold them itself.
fn promises() -> [String; 3] {
    ["TO", "FIX", "XX"].map(|start| {
        format!(
            "{start}{}",
            if start == "TO" {
                "DO"
            } else if start == "FIX" {
                "ME"
            } else {
                "X"
            }
        )
    })
}

/// Folders of one machine.
fn machine_paths() -> [String; 3] {
    ["work", "root", "home"].map(|folder| format!("/{folder}/"))
}

/// Reports what breaks a rule of all files.
pub fn check(path: &str, text: &str, report: &mut dyn FnMut(usize, String)) {
    let language = path.rsplit_once('.').map_or("", |(_, language)| language);
    let count = text.lines().count();
    let is_source = matches!(language, "rs" | "c" | "cpp" | "py" | "sh") || path.ends_with("Makefile");
    if is_source && count > FILE_LINES_MAX {
        let file = path.rsplit('/').next().unwrap_or(path);
        report(
            FILE_LINES_MAX + 1,
            format!(
                "{file} has {count} lines, at most {FILE_LINES_MAX}: its second concept belongs in a file beside it"
            ),
        );
    }
    check_opening(language, text, report);
    for (number, line) in text.lines().enumerate() {
        for word in promises() {
            if !word_positions(line, &word).is_empty() {
                report(number + 1, format!("`{word}`: do it, or say as a fact what is not there"));
            }
        }
        for folder in machine_paths() {
            if line
                .match_indices(&folder)
                .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.' || c == '}'))
            {
                report(
                    number + 1,
                    format!("`{folder}` is a path of one machine: make it relative to the project or a variable"),
                );
            }
        }
        check_speech(number, line, report);
    }
    match language {
        "c" | "cpp" => check_c_functions(text, report),
        "py" => check_python_functions(text, report),
        _ => {}
    }
}

fn check_opening(language: &str, text: &str, report: &mut dyn FnMut(usize, String)) {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let opening = if first.starts_with("#!") { lines.next().unwrap_or_default() } else { first };
    let (is_right, wanted) = match language {
        "c" | "h" | "cpp" | "hpp" => (opening.starts_with("/*"), "a block comment"),
        "py" => (opening.starts_with("\"\"\"") || opening.starts_with('#'), "a docstring"),
        "sh" => (opening.starts_with('#'), "a comment"),
        _ => (true, ""),
    };
    if !is_right {
        report(1, format!("{wanted} must open the file: what it does, and what it does not"));
    }
}

/// The project speaks of itself, not of the list in which its work was planned.
fn check_speech(number: usize, line: &str, report: &mut dyn FnMut(usize, String)) {
    let lower = line.to_lowercase();
    for at in word_positions(&lower, "issue") {
        let rest = lower[at + 5..].trim_start().trim_start_matches('#');
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            report(number + 1, "an issue's number: state the fact itself; history belongs in commits".to_owned());
        }
    }
}

/// A function of C opens with a brace and closes with one at the start of a line.
fn check_c_functions(text: &str, report: &mut dyn FnMut(usize, String)) {
    let mut first = None;
    for (number, line) in text.lines().enumerate() {
        let opens = line.starts_with('{')
            || (line.ends_with('{') && line.contains('(') && !line.starts_with([' ', '\t', '#', '}']));
        if opens && first.is_none() {
            first = Some(number);
        }
        if line.starts_with('}')
            && let Some(opened) = first.take()
        {
            report_length(opened, number - opened + 1, report);
        }
    }
}

fn check_python_functions(text: &str, report: &mut dyn FnMut(usize, String)) {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    for (number, line) in lines.iter().enumerate() {
        if !line.trim_start().starts_with("def ") {
            continue;
        }
        let body =
            lines[number + 1..].iter().take_while(|inner| inner.trim().is_empty() || indent(inner) > indent(line));
        let size = body.collect::<Vec<_>>();
        let count = size.iter().rposition(|inner| !inner.trim().is_empty()).map_or(0, |last| last + 1);
        report_length(number, count + 1, report);
    }
}

fn report_length(first: usize, count: usize, report: &mut dyn FnMut(usize, String)) {
    if count > FUNCTION_LINES_MAX {
        report(
            first + 1,
            format!(
                "a function of {count} lines, at most {FUNCTION_LINES_MAX}: its parts belong in functions of their own"
            ),
        );
    }
}
