//! A C-Kafka log is taken over whole and in order, with its times, by Kafka's rules on disk; what was torn or damaged is
//! named with its place; an import that is repeated appends nothing twice.
#![cfg(feature = "compat")]

#[path = "common/bytes.rs"]
#[expect(dead_code, reason = "shared by many tests; each uses a part")]
mod bytes;
#[path = "c/driver.rs"]
#[expect(dead_code, reason = "shared by all tests of the C boundary; each uses a part")]
mod driver;
#[path = "c/examples.rs"]
#[expect(dead_code, reason = "shared by the tests of the C programs; each uses a part")]
mod examples;
#[path = "oracle/oracle.rs"]
#[expect(dead_code, reason = "shared by tests with Kafka's tools; each uses a part")]
mod oracle;
#[path = "common/random.rs"]
#[expect(dead_code, reason = "shared by many tests; each uses a part")]
mod random;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, UNIX_EPOCH};

use ckafka::broker::{Conf, Directory, OpenMode};
use flate2::{Compression, write::ZlibEncoder};

use examples::{Programs, stderr, stdout};

const LOG: &str = "00000000000000000000.log";
const TIMES: &str = "00000000000000000000.timeindex";

/// Programs, and folders for old logs and new ones.
struct World {
    programs: Programs,
    dump: PathBuf,
}

/// A record as the C API gave it back: its time and value.
type Found = (i64, Vec<u8>);

impl World {
    fn new(test: &str) -> Self {
        let programs = Programs::build(&format!("compat-import-{test}"), &["import", "read"]);
        let dump = driver::build("dump", &driver::library(), &programs.scratch);
        Self { programs, dump }
    }

    /// An old log of this content, and its time index if there is one.
    fn old(&self, name: &str, log: &[u8], times: Option<&str>) -> PathBuf {
        let folder = self.programs.path(name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(LOG), log).expect("a log");
        if let Some(times) = times {
            fs::write(folder.join(TIMES), times).expect("a time index");
        }
        folder.join(LOG)
    }

    fn import(&self, data: &str, old: &Path, skip: &[&str]) -> Output {
        let old = old.to_string_lossy();
        self.programs.run("import", &[&[data, "orders", &old], skip].concat())
    }

    /// Imports, and gives the report.
    #[track_caller]
    fn imports(&self, data: &str, old: &Path, skip: &[&str]) -> serde_json::Value {
        let output = self.import(data, old, skip);
        assert!(output.status.success(), "{}", stderr(&output));
        let said = stdout(&output);
        let (count, report) = said.split_once('\n').expect("two lines");
        let report: serde_json::Value = serde_json::from_str(report).expect("JSON");
        assert_eq!(count, format!("{} records taken over", report["appended"]));
        report
    }

    /// Fails to, and gives the reason.
    #[track_caller]
    fn refuses(&self, data: &str, old: &Path, skip: &[&str]) -> String {
        let output = self.import(data, old, skip);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        stderr(&output)
    }

    /// All records, through the C API.
    #[track_caller]
    fn records(&self, data: &str) -> Vec<Found> {
        let output = driver::run(&self.dump, &[&self.programs.path(data).to_string_lossy(), "orders"], &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        let (mut rest, mut found) = (&output.stdout[..], Vec::new());
        while !rest.is_empty() {
            let mut fields = rest.splitn(4, |&byte| byte == b' ');
            let mut number = || -> i64 {
                let text = std::str::from_utf8(fields.next().expect("a field")).expect("digits");
                text.parse().expect("a number")
            };
            let (offset, time, size) = (number(), number(), number() as usize);
            let value = fields.next().expect("a value");
            assert_eq!(offset, found.len() as i64);
            found.push((time, value[..size].to_vec()));
            rest = &value[size + 1..];
        }
        found
    }

    fn texts(&self, data: &str) -> Vec<String> {
        self.records(data).into_iter().map(|(_, value)| String::from_utf8(value).expect("text")).collect()
    }
}

fn record(message: &[u8]) -> Vec<u8> {
    let mut stream = ZlibEncoder::new(Vec::new(), Compression::default());
    stream.write_all(message).expect("memory");
    let stream = stream.finish().expect("memory");
    [&(stream.len() as u32).to_le_bytes()[..], &stream].concat()
}

fn golden(case: &str, name: &str) -> PathBuf {
    driver::root().join("tests/golden/c-kafka").join(case).join(name)
}

#[test]
fn what_the_original_wrote_is_a_log_by_kafkas_rules() {
    let world = World::new("golden");
    for (case, count) in [("basic", 3), ("mixed", 194)] {
        let report = world.imports(case, &golden(case, LOG), &[]);
        assert_eq!((&report["appended"], &report["times_from_index"]), (&count.into(), &count.into()));
        let messages = fs::read(golden(case, "messages.txt")).expect("golden");
        let times = fs::read_to_string(golden(case, TIMES)).expect("golden");
        let times = times.lines().map(|line| line.split_once(',').expect("a line").0.parse::<i64>().expect("seconds"));
        let messages = messages.strip_suffix(b"\n").expect("lines").split(|&byte| byte == b'\n');
        let expected: Vec<Found> = times.map(|seconds| seconds * 1000).zip(messages.map(<[u8]>::to_vec)).collect();
        assert_eq!(expected.len(), count);
        assert_eq!(world.records(case), expected);

        let partition = world.programs.path(case).join("orders-0");
        let batches = bytes::batches(&fs::read(partition.join(LOG)).expect("a segment"));
        assert_eq!(batches.last().expect("a batch").last_offset, count as i64 - 1);
        let (offsets, times) = bytes::indexes(0, &batches, 4096);
        assert_eq!(fs::read(partition.join("00000000000000000000.index")).expect("an index"), offsets);
        assert_eq!(fs::read(partition.join(TIMES)).expect("an index"), times);

        if let Some(oracle) = oracle::Oracle::find("what_the_original_wrote_is_a_log_by_kafkas_rules") {
            let verdict = oracle.dump(&["-q"], &oracle::files_of(&partition));
            assert_eq!(verdict.status, 0, "{}", verdict.said);
        }

        // The old log is as it was, and a second import finds nothing to do.
        let report = world.imports(case, &golden(case, LOG), &[]);
        assert_eq!((&report["appended"], &report["already_there"]), (&0.into(), &count.into()));
        assert_eq!(world.records(case), expected);
    }
}

#[test]
fn what_is_refused_changes_nothing_and_what_was_taken_over_is_durable() {
    driver::passes("import");
}

#[test]
fn an_import_goes_on_where_an_earlier_one_stopped_and_refuses_another_log() {
    let world = World::new("resume");
    let whole: Vec<u8> = fs::read(golden("mixed", LOG)).expect("golden");
    let times = fs::read_to_string(golden("mixed", TIMES)).expect("golden");
    // Where the record behind the first hundred starts, of which only a part is there.
    let cut =
        times.lines().nth(100).expect("lines").split_once(',').expect("a line").1.parse::<usize>().expect("digits");
    let lines: Vec<&str> = times.split_inclusive('\n').take(100).collect();
    let old = world.old("old", &whole[..cut + 7], Some(&lines.concat()));
    assert_eq!(world.imports("data", &old, &[])["appended"], 100);
    let old = world.old("old", &whole, Some(&times));
    let report = world.imports("data", &old, &[]);
    assert_eq!((&report["appended"], &report["already_there"]), (&94.into(), &100.into()));
    assert_eq!(world.records("data").len(), 194);

    let reason = world.refuses("data", &golden("basic", LOG), &[]);
    assert!(reason.contains("record 0 is not the message at position 0 of") && reason.contains("basic"), "{reason}");
    assert_eq!(world.records("data").len(), 194);
}

#[test]
fn torn_ends_are_passed_over_and_damage_is_named_with_its_place() {
    let world = World::new("golden-bad");
    let reader = |name: &str| golden("reader", &format!("{name}.log"));
    let order = |n: u32| format!("Order#100{n} - product {}", ["", "X", "Y", "Z"][n as usize]);
    for (name, position, size, kept) in [("torn-header", 102, 2, 3), ("torn-payload", 68, 29, 2)] {
        let report = world.imports(name, &reader(name), &[]);
        let torn = serde_json::json!({"count": 1, "bytes": size, "first": [{"position": position, "bytes": size}]});
        assert_eq!((&report["torn"], &report["damaged"]["count"]), (&torn, &0.into()));
        assert_eq!(world.texts(name), (1..=kept).map(order).collect::<Vec<_>>());
    }
    let reason = world.refuses("damaged", &reader("corrupt-middle"), &[]);
    assert!(reason.contains("corrupt-middle.log at position 34: "), "{reason}");
    assert_eq!(world.texts("damaged"), [order(1)]);
    let report = world.imports("damaged", &reader("corrupt-middle"), &["skip"]);
    assert_eq!(report["damaged"]["first"][0]["position"], 34);
    assert_eq!((&report["already_there"], &report["appended"]), (&1.into(), &1.into()));
    assert_eq!(world.texts("damaged"), [order(1), order(3)]);

    assert_eq!(world.imports("empty", &reader("empty"), &[])["appended"], 0);
    assert!(world.refuses("missing", &reader("missing"), &[]).contains("missing.log: No such file"));
}

#[test]
fn what_lies_behind_a_torn_append_is_found_by_the_time_index() {
    let world = World::new("torn-middle");
    let [a, b, c] = [&b"first"[..], b"cut short by a crash", b"acknowledged behind it"].map(record);
    for cut in [2, 4, 9, b.len() - 1] {
        let log = [&a[..], &b[..cut], &c].concat();
        let at = a.len() + cut;
        let old = world.old(&format!("old-{cut}"), &log, Some(&format!("1700000000,0\n1700000007,{at}\n")));
        let data = format!("data-{cut}");
        let report = world.imports(&data, &old, &[]);
        assert_eq!(report["torn"]["first"], serde_json::json!([{"position": a.len(), "bytes": cut}]));
        let expected =
            [(1_700_000_000_000, b"first".to_vec()), (1_700_000_007_000, b"acknowledged behind it".to_vec())];
        assert_eq!(world.records(&data), expected);
    }
    // A file that grew and was not written: zeroes, without a line.
    let old = world.old("zeroes", &[&a[..], &[0; 4096]].concat(), Some("1700000000,0\n"));
    assert_eq!(world.imports("zeroes-data", &old, &[])["torn"]["bytes"], 4096);
    // With a line it was acknowledged: that is damage.
    let length = [&a[..], &u32::MAX.to_le_bytes(), b"rest"].concat();
    let old = world.old("length", &length, Some(&format!("1700000000,0\n1700000001,{}\n", a.len())));
    let reason = world.refuses("length-data", &old, &[]);
    assert!(reason.contains(&format!("at position {}: a record of 4294967295 bytes", a.len())), "{reason}");
    assert_eq!(world.texts("length-data"), ["first"]);
}

#[test]
fn a_message_without_a_line_takes_the_time_before_it_or_that_of_the_file() {
    let world = World::new("times");
    let log: Vec<u8> = [&b"a"[..], b"b", b"c", b"d"].map(record).concat();
    let size = log.len() / 4;
    let modified = UNIX_EPOCH + Duration::from_millis(1_600_000_000_123);
    let times = |name: &str, index: Option<&str>| -> Vec<i64> {
        let old = world.old(&format!("{name}-old"), &log, index);
        File::options().append(true).open(&old).expect("the log").set_modified(modified).expect("its time");
        world.imports(name, &old, &[]);
        world.records(name).into_iter().map(|(time, _)| time).collect()
    };
    assert_eq!(times("none", None), [1_600_000_000_123; 4]);
    let second = format!("1700000001,{size}\n");
    assert_eq!(
        times("one", Some(&second)),
        [1_600_000_000_123, 1_700_000_001_000, 1_700_000_001_000, 1_700_000_001_000]
    );
    let mixed_up = format!(
        "1700000003,{}\n{}\nnot a line\n{second}1700000000,0\n-5,{}\n1700000009",
        3 * size,
        "9".repeat(200_000),
        2 * size
    );
    let found = times("mixed-up", Some(&mixed_up));
    assert_eq!(found, [1_700_000_000_000, 1_700_000_001_000, 1_700_000_001_000, 1_700_000_003_000]);
}

#[test]
fn a_bomb_is_refused_in_bounded_memory_and_a_large_message_fits_where_the_topic_compresses() {
    let world = World::new("bomb");
    let first = record(b"first");
    let bomb = world.old("bomb", &[&first[..], &record(&vec![0; 512 << 20])].concat(), None);
    let program = world.programs.command("import");
    let limited = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 400000; exec \"$@\"", "sh"])
        .arg(program.get_program())
        .args(["bomb-data", "orders", &bomb.to_string_lossy()])
        .current_dir(&world.programs.scratch.0)
        .output()
        .expect("a shell");
    let place = format!("at position {}: the message is larger than the 1048588 bytes", first.len());
    assert!(stderr(&limited).contains(&place), "{limited:?}");

    let message = vec![b'a'; 3 << 20];
    let old = world.old("large", &record(&message), None);
    assert!(world.refuses("large-data", &old, &[]).contains("at position 0: the message is larger"));
    let mut conf = Conf::new();
    conf.set("compression.type", "zstd").expect("a codec");
    let directory = Directory::open(&world.programs.path("zstd"), &Conf::new(), OpenMode::Create).expect("a directory");
    directory.create_topic("orders", 1, &conf).expect("a topic");
    directory.close().expect("a clean close");
    world.imports("zstd", &old, &[]);
    assert_eq!(world.records("zstd")[0].1, message);
}

/// Changes a few bytes, cuts some out, puts some in, cuts the end, or zeroes some.
fn damage(log: &mut Vec<u8>, random: &mut random::Random) {
    let at = random.below(log.len() as u64) as usize;
    let size = (1 + random.below(30) as usize).min(log.len() - at);
    match random.below(5) {
        0 => log[at] ^= 1 << random.below(8),
        1 => drop(log.drain(at..at + size)),
        2 => drop(log.splice(at..at, random.bytes(size))),
        3 => log.truncate(at + 1),
        _ => log[at..at + size].fill(0),
    }
}

#[test]
fn in_a_damaged_log_the_import_finds_what_the_reader_finds_and_with_the_time_index_no_less() {
    let world = World::new("damage");
    let whole = fs::read(golden("mixed", LOG)).expect("golden");
    let times = fs::read_to_string(golden("mixed", TIMES)).expect("golden");
    let mut random = random::Random(0x5eed);
    for round in 0..24 {
        let lines: Vec<&str> = times.split_inclusive('\n').take(2 + random.below(60) as usize).collect();
        let (last, lines) = lines.split_last().expect("lines");
        let mut log = whole[..last.trim().split_once(',').expect("a line").1.parse().expect("digits")].to_vec();
        for _ in 0..random.below(4) {
            damage(&mut log, &mut random);
        }
        let old = world.old(&format!("old-{round}"), &log, None);
        let read = world.programs.run("read", &[&old.to_string_lossy()]);
        let printed: Vec<&[u8]> = read.stdout.split(|&byte| byte == b'\n').collect();
        let data = format!("data-{round}");
        world.imports(&data, &old, &["skip"]);
        let found: Vec<Vec<u8>> = world.records(&data).into_iter().map(|(_, value)| value).collect();
        assert_eq!(found, printed[1..printed.len() - 2], "round {round}");

        let old = world.old(&format!("old-{round}"), &log, Some(&lines.concat()));
        let report = world.imports(&format!("timed-{round}"), &old, &["skip"]);
        assert!(report["appended"].as_u64() >= Some(found.len() as u64), "round {round}: {report}");
    }
}
