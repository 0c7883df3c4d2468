//! Every function of the C API with every argument out of place, one at a time: an error, never a crash, a hang, a leak
//! or memory without bound. The table is made from the header, so that a new function cannot be forgotten.

#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[path = "c/hostile/mod.rs"]
mod hostile;

use std::fmt::Write as _;
use std::fs;

/// Values of an argument, as C, and what has to be answered to each.
type Values = Vec<(String, &'static str)>;

const ANY: &str = "ANYTHING";
const NO_HANDLE: &str = "CKAFKA_ERR__BAD_HANDLE";
const REFUSED: &str = "CKAFKA_ERR__INVALID_ARG";

/// A parameter as the header declares it.
struct Parameter {
    kind: String,
    name: String,
}

fn parameters(text: &str) -> Vec<Parameter> {
    let split = |parameter: &str| {
        let words = parameter.split_whitespace().collect::<Vec<_>>().join(" ");
        let at = words.rfind([' ', '*']).expect("a type and a name") + 1;
        Parameter { kind: words[..at].trim().to_owned(), name: words[at..].to_owned() }
    };
    if text.trim() == "void" { Vec::new() } else { text.split(',').map(split).collect() }
}

/// What the world has for a parameter when nothing is out of place.
fn right(function: &str, parameter: &Parameter) -> String {
    let expression = match (parameter.kind.trim_start_matches("const ").trim(), parameter.name.as_str()) {
        ("ckafka_t *", _) => "w->dir",
        ("ckafka_log_t *", _) => "w->log",
        ("ckafka_reader_t *", _) => "w->reader",
        ("ckafka_sender_t *", _) => "w->sender",
        ("ckafka_batch_t *", _) => "w->batch",
        ("ckafka_conf_t *", _) => "w->conf",
        ("ckafka_view_t *", _) => "w->view",
        ("ckafka_record_t *", _) => "&w->record",
        ("ckafka_columns_t *", _) => "&w->columns",
        ("ckafka_slice_t *", _) => "&w->out.slice",
        ("char *", "path") => "w->path",
        ("char *", "topic") => "\"topic\"",
        ("char *", "name") => "\"fresh\"",
        ("char *", "key") => "\"segment.bytes\"",
        ("char *", "value") => "\"1048576\"",
        ("char *" | "void *", "buf") => "w->buf",
        ("void *", "ptr") => "NULL",
        ("void *", "batch" | "bytes") => "w->raw",
        ("void *", "headers") => "w->fields",
        ("void *", _) => "\"k\"",
        ("int32_t *", _) => "w->lens",
        ("size_t *", "len_inout") if function == "ckafka_conf_get" => "(w->len = sizeof w->buf, &w->len)",
        ("size_t *", "len_inout") => "(w->len = 0, &w->len)",
        ("size_t *", "cursor_inout") => "(w->cursor = 0, &w->cursor)",
        ("size_t *", _) => "&w->out.size",
        ("int64_t *", _) => "&w->out.number",
        ("uint64_t *", _) => "&w->out.unsigned_number",
        ("int *", _) => "&w->out.fd",
        ("char **", _) => "&w->out.text",
        ("void **", _) => "&w->out.bytes",
        ("ckafka_rec_t **", _) => "&w->out.rows",
        ("ckafka_t **", _) => "&w->out.dir",
        ("ckafka_log_t **", _) => "&w->out.log",
        ("ckafka_reader_t **", _) => "&w->out.reader",
        ("ckafka_sender_t **", _) => "&w->out.sender",
        ("ckafka_batch_t **", _) => "&w->out.batch",
        ("ckafka_view_t **", _) => "&w->out.view",
        ("size_t", "len") if function == "ckafka_header_next" => "w->fields_len",
        ("size_t", "len") if function == "ckafka_partition_for_key" => "1",
        ("size_t", "len") => "w->raw_len",
        ("size_t", "cap") => "sizeof w->buf",
        ("size_t", "max_out") => "1 << 20",
        ("int32_t", "timeout_ms") => "5000",
        ("int32_t", "n") => "4",
        ("uint32_t", "flags") if function == "ckafka_open" => "CKAFKA_OPEN_CREATE",
        ("uint32_t", "roles") => "CKAFKA_IO_FLUSH",
        ("int", "out_fd") => "w->null_fd",
        ("size_t", "n" | "value_len") | ("int32_t", "partition_count") => "1",
        ("size_t" | "uint64_t", "max_bytes") => "4096",
        ("int32_t" | "int64_t" | "uint32_t" | "ckafka_err_t", _) => "0",
        (kind, name) => panic!("{function}: the table knows no `{kind}` `{name}`: give it a value here"),
    };
    expression.to_owned()
}

fn handles(right: &str, kind: &str) -> Values {
    let foreign = if kind.contains("ckafka_log_t") { "w->reader" } else { "w->log" };
    let mut values: Values = ["NULL", "w->closed", foreign, "w", "(void *)UINTPTR_MAX", "(void *)(UINTPTR_MAX / 3)"]
        .map(|value| (format!("(void *){value}"), NO_HANDLE))
        .to_vec();
    values.push((format!("(void *)((uintptr_t){right} + 1)"), NO_HANDLE));
    values.push((format!("(void *)((uintptr_t){right} ^ ((uintptr_t)1 << 63))"), NO_HANDLE));
    for small in [1, 2, 3, 7, 64, 4096] {
        values.push((format!("(void *)(uintptr_t){small}"), NO_HANDLE));
    }
    values
}

/// Real pointers: NULL and misaligned. Where NULL means something, any answer will do.
fn pointers(function: &str, right: &str, parameter: &Parameter) -> Values {
    let base = parameter.kind.trim_start_matches("const ").trim_end_matches('*').trim();
    let is_bytes = ["char", "void"].contains(&base) && !parameter.kind.contains("**");
    // Functions without a result cannot answer an error, and one that hands out a pointer answers NULL.
    let is_silent = ["_free", "_release", "_dup"].iter().any(|end| function.ends_with(end));
    let is_optional = (parameter.kind == "const ckafka_conf_t *" && function != "ckafka_conf_get")
        || ["keys", "key_lens"].contains(&parameter.name.as_str());
    let is_text = parameter.kind == "const char *";
    let null = if is_silent || is_optional || (is_bytes && !is_text) { ANY } else { REFUSED };
    let mut values = vec![("NULL".to_owned(), null)];
    if is_text {
        for text in ["\"\"", "\"\\xff\"", "\"..\"", "\"a/b\"", "long_text", "\"%n%s%d\""] {
            values.push((text.to_owned(), ANY));
        }
    } else if !is_bytes {
        let answer = if is_silent { ANY } else { REFUSED };
        values.push((format!("(void *)((uintptr_t)({right}) + 1)"), answer));
    }
    values
}

fn numbers(function: &str, parameter: &Parameter) -> Values {
    let any = |values: &[&str]| values.iter().map(|value| ((*value).to_owned(), ANY)).collect::<Values>();
    let refused = |values: &[&str]| values.iter().map(|value| ((*value).to_owned(), REFUSED)).collect::<Values>();
    match (parameter.kind.as_str(), parameter.name.as_str()) {
        ("uint32_t", "flags") if function == "ckafka_open" => refused(&["4", "8", "UINT32_MAX", "0x80000002u"]),
        ("uint32_t", "flags") => refused(&["1", "UINT32_MAX", "0x80000000u"]),
        ("uint32_t", "roles") => refused(&["0", "4", "UINT32_MAX", "0x80000001u"]),
        // 0 and 1 are descriptors of the test itself.
        ("int", "out_fd") => any(&["-1", "INT32_MIN", "INT32_MAX", "-100"]),
        // A length is the caller's word; what no memory can have is refused all the same.
        ("size_t", "len" | "n" | "value_len") => any(&["0", "SIZE_MAX", "SIZE_MAX / 2 + 1", "SIZE_MAX - 7"]),
        ("int32_t" | "ckafka_err_t", _) => any(&["0", "1", "-1", "-2", "INT32_MIN", "INT32_MAX", "-185"]),
        ("int64_t", _) => any(&["0", "1", "-1", "-2", "-3", "-4", "INT64_MIN", "INT64_MAX", "INT64_MAX - 1"]),
        ("size_t" | "uint64_t", _) => any(&["0", "1", "SIZE_MAX", "SIZE_MAX / 2", "SIZE_MAX / 2 + 1"]),
        (kind, name) => panic!("{function}: the table knows no values for `{kind}` `{name}`"),
    }
}

fn values(function: &str, parameter: &Parameter) -> Values {
    let right = right(function, parameter);
    let kind = parameter.kind.trim_start_matches("const ").trim();
    match kind {
        "ckafka_t *" | "ckafka_log_t *" | "ckafka_reader_t *" | "ckafka_sender_t *" => handles(&right, kind),
        _ if kind.ends_with('*') => pointers(function, &right, parameter),
        _ => numbers(function, parameter),
    }
}

/// The function that tries one value of one argument of one function; 0 where there is no such value.
fn attempt(function: &str, declared: &[Parameter]) -> String {
    let mut code = format!("static int try_{function}(world_t *w, int nth_argument, int nth_value)\n{{\n");
    code += "    int32_t expected = ANYTHING, found = 0;\n    before(w);\n";
    for parameter in declared {
        let _ = writeln!(code, "    {} {} = {};", parameter.kind, parameter.name, right(function, parameter));
    }
    code += "    switch (nth_argument) {\n";
    for (number, parameter) in declared.iter().enumerate() {
        let _ = writeln!(code, "    case {number}:\n        switch (nth_value) {{");
        for (number, (value, answer)) in values(function, parameter).into_iter().enumerate() {
            let name = &parameter.name;
            let _ = writeln!(code, "        case {number}: {name} = {value}; expected = {answer}; break;");
        }
        code += "        default: return 0;\n        }\n        break;\n";
    }
    code += "    default: return 0;\n    }\n";
    let names: Vec<&str> = declared.iter().map(|parameter| parameter.name.as_str()).collect();
    let call = format!("{function}({})", names.join(", "));
    let _ = match function {
        "ckafka_conf_dup" => writeln!(code, "    ckafka_conf_free({call});"),
        "ckafka_strerror" => writeln!(code, "    found = {call} ? 0 : -1;"),
        // After these the real pointer is gone; the world must not free it again.
        "ckafka_free" | "ckafka_conf_free" | "ckafka_batch_free" | "ckafka_view_release" => {
            writeln!(code, "    {call};")
        }
        "ckafka_view_retain" => writeln!(code, "    found = {call};\n    if (!found) ckafka_view_release(view);"),
        _ => writeln!(code, "    found = {call};"),
    };
    code + &format!(
        "    after(w, \"{function} argument\", nth_value + 100 * nth_argument, found, expected);\n    return 1;\n}}\n\n"
    )
}

fn program() -> String {
    let mut code = "/* Made from the header. */\n#include \"world.h\"\n\n".to_owned();
    let mut table = String::new();
    for (function, text) in driver::functions() {
        let declared = parameters(&text);
        if declared.is_empty() {
            continue;
        }
        code += &attempt(&function, &declared);
        let _ = writeln!(table, "    {{\"{function}\", try_{function}, {}}},", declared.len());
    }
    let _ = write!(
        code,
        "static const struct {{\n    const char *name;\n    int (*attempt)(world_t *, int, int);\n    int arguments;\n}} table[] = {{\n{table}}};\n\n"
    );
    code + include_str!("c/hostile/table_main.c")
}

/// For runs with a library that is itself sanitized, which are built elsewhere.
#[test]
fn writes_the_program() {
    if let Ok(path) = std::env::var("CKAFKA_HOSTILE_WRITE") {
        fs::write(path, program()).expect("a place for the program");
    }
}

#[test]
fn every_argument_of_every_function() {
    let scratch = driver::Scratch::new("hostile-table");
    let source = scratch.0.join("table.c");
    fs::write(&source, program()).expect("the program's text");
    for sanitizers in [&[][..], &hostile::SANITIZERS[..]] {
        let binary = hostile::build(&source, "table", sanitizers, &scratch);
        let said = hostile::passes(&binary, &[], &scratch);
        let count: u32 = said.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a count");
        assert!(count > 800, "the table has {count} calls only");
        println!("{}: {said}", if sanitizers.is_empty() { "plain" } else { "sanitized" });
    }
}
