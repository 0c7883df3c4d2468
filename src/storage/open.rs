//! Opens partitions: recovers one whose page is of another session, joins one that is recovered, or reads one that nobody writes.
//!
//! Creation and initialisation of a control page happen under the gate; recovery happens under the partition's append word, and under the gate too where nobody
//! else has the directory open (then files may be cut in place).

use std::sync::{Arc, Mutex};

use super::checkpoint;
use super::config::LogConfig;
use super::control::{ControlPage, FirstSync};
use super::durable::bases;
use super::names::{CONTROL, SegmentFile};
use super::partition::{PartitionLog, Side, WriterSide};
use super::producers::ProducerState;
use super::recovery::{Company, Inspected, Recovered, Shutdown, inspect, recover};
use super::session::{CLEAN_MARKER, Gate, Membership, Wait};
use super::slots::Beginning;
use super::tail::TailState;
use super::writer::Writer;
use crate::broken::{self, Point, Rule};
use crate::error::{Error, Result};
use crate::json::Json;
use crate::sys::{Access, Dir, SharedPage, fork};

/// A recovery that reads more than this lets go of the gate, so that others need not wait for it.
const SCAN_UNDER_GATE_MAX: u64 = 256 << 20;
/// How often files are looked at again that a writer changed meanwhile.
const READ_ATTEMPTS: usize = 16;

/// What the top of the directory says about a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checkpointed {
    /// Recovery point, 0 without a line.
    pub recovery_point: i64,
    /// Log start, 0 without a line.
    pub log_start: i64,
}

/// A partition to open.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition number.
    pub partition: i32,
    /// Settings of the log.
    pub config: &'a LogConfig,
    /// From the checkpoints.
    pub checkpointed: Checkpointed,
}

impl Place<'_> {
    fn folder_name(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }

    fn open_folder(&self, root: &Dir) -> Result<Dir> {
        let name = self.folder_name();
        match root.stat(&name)? {
            Some(_) => root.open_dir_on_use(&name),
            None => Err(self.unknown()),
        }
    }

    fn unknown(&self) -> Error {
        Error::UnknownPartition { topic: self.topic.to_owned(), partition: self.partition }
    }
}

/// Opens a partition in a writing process; what recovery had to do is added to `report`.
pub fn open_for_writing(
    member: &Arc<Membership>,
    place: &Place<'_>,
    report: &mut Vec<Json>,
) -> Result<Arc<PartitionLog>> {
    let (slots, _) = member.seat()?;
    let session = slots.session();
    let folder = place.open_folder(member.root())?;
    let gate = member.gate(Wait::MayBreak)?;
    let control = open_page(&folder, &gate)?;
    if control.session()? == Some(session) || broken::is(Rule::SessionOfPage) && control.session()?.is_some() {
        control.check_version()?;
    } else {
        // Nobody of this session uses the partition yet: who does has passed the gate and left its session here.
        control.initialise(session);
    }
    if control.is_deleted() {
        return Err(place.unknown());
    }
    let writer = Writer::new(Arc::clone(member), &control)?;
    if !control.is_recovered()
        && let Some(reason) = recover_partition(member, place, &folder, &control, &writer, gate, report)?
    {
        let shutdown = shutdown_of(slots.beginning(), place);
        let inspected = inspect(&folder, place.config, shutdown, place.checkpointed.log_start)?;
        return Ok(PartitionLog::open_fixed(
            folder,
            place.topic,
            place.partition,
            place.config.clone(),
            inspected,
            &reason,
        ));
    }
    let snapshot = newest_snapshot(&folder, control.published_end())?;
    let side = WriterSide { control, writer, snapshot, checkpointed: Mutex::default() };
    Ok(PartitionLog::assemble(place.topic, place.partition, folder, place.config.clone(), Side::Writer(Box::new(side))))
}

fn shutdown_of(beginning: Beginning, place: &Place<'_>) -> Shutdown {
    match beginning {
        Beginning::Clean => Shutdown::Clean,
        Beginning::Unclean => Shutdown::Unclean { recovery_point: place.checkpointed.recovery_point },
    }
}

/// The control page's file, made whole where it is missing. Under the gate.
fn open_page(folder: &Dir, gate: &Gate<'_>) -> Result<ControlPage> {
    if let Some(file) = folder.open_file_on_use(CONTROL, Access::ReadWrite)?
        && file.len()? >= SharedPage::BYTES as u64
    {
        return ControlPage::map(file, Access::ReadWrite);
    }
    if !gate.alone_among_writers()? {
        // Made by the first writer of the session for every folder that was there, and by who creates a topic.
        let reason = "missing or cut though other writers are alive: it was removed under them".to_owned();
        return Err(Error::Version { path: folder.path().join(CONTROL), reason });
    }
    drop(create_page(folder)?);
    let file = folder.open_file_on_use(CONTROL, Access::ReadWrite)?;
    ControlPage::map(file.ok_or_else(|| missing(folder))?, Access::ReadWrite)
}

#[cold]
fn missing(folder: &Dir) -> Error {
    let reason = "removed while it was opened".to_owned();
    Error::Version { path: folder.path().join(CONTROL), reason }
}

/// Creates the control page's file: allocated and zero-written before anybody maps it.
pub fn create_page(folder: &Dir) -> Result<ControlPage> {
    let file = folder.open_or_create_file(CONTROL)?;
    file.reserve(0..SharedPage::BYTES as u64)?;
    file.zero(0..SharedPage::BYTES as u64)?;
    ControlPage::map(file, Access::ReadWrite)
}

/// Recovers under the append word; a reason where the partition may only be read.
fn recover_partition(
    member: &Membership,
    place: &Place<'_>,
    folder: &Dir,
    control: &ControlPage,
    writer: &Writer,
    gate: Gate<'_>,
    report: &mut Vec<Json>,
) -> Result<Option<String>> {
    let (slots, _) = member.seat()?;
    let shutdown = shutdown_of(slots.beginning(), place);
    // In place only where nobody else has the files mapped, nor can come to; for long the gate is not kept from others, and then files are swapped in by rename.
    let short = bytes_to_scan(folder, shutdown)? <= SCAN_UNDER_GATE_MAX;
    let company = if short && gate.alone_in_directory()? { Company::Alone } else { Company::Readers };
    let gate = (company == Company::Alone).then_some(gate);
    let recover_once = || {
        // Who held the word until now may have recovered it.
        if control.is_recovered() {
            return Ok(None);
        }
        if control.is_deleted() {
            return Err(place.unknown());
        }
        broken::pass(Point::RecoveryBegun);
        let recovered = recover(folder, place.topic, place.config, shutdown, company, place.checkpointed.log_start)?;
        drop(gate);
        broken::pass(Point::RecoveryDone);
        for finding in &recovered.report {
            report.push(Json::object(&[
                ("topic", &place.topic),
                ("partition", &place.partition),
                ("finding", &finding),
            ]));
        }
        if recovered.read_only.is_none() {
            let first_sync =
                if shutdown != Shutdown::Clean && slots.same_boot() { FirstSync::Rewrite } else { FirstSync::Plain };
            let durable = match shutdown {
                Shutdown::Clean => recovered.tail.end_offset,
                Shutdown::Unclean { recovery_point } => recovery_point.clamp(0, recovered.tail.end_offset),
            };
            fill_page(control, &recovered, durable, place.checkpointed.recovery_point.min(durable), first_sync);
        }
        Ok(recovered.read_only)
    };
    if broken::is(Rule::RecoveryUnderWord) {
        return recover_once();
    }
    writer.in_append(control, folder, place.config, Wait::MayBreak, |_| recover_once())
}

/// About how many bytes a recovery reads.
fn bytes_to_scan(folder: &Dir, shutdown: Shutdown) -> Result<u64> {
    let Shutdown::Unclean { recovery_point } = shutdown else { return Ok(0) };
    let bases = bases(folder)?;
    let first = bases.partition_point(|base| *base <= recovery_point).saturating_sub(1);
    let mut bytes = 0;
    for base in bases.iter().skip(first) {
        bytes += folder.stat(&SegmentFile::Log.name(*base))?.map_or(0, |stat| stat.len);
    }
    Ok(bytes)
}

fn fill_page(control: &ControlPage, recovered: &Recovered, durable: i64, recovery_point: i64, first_sync: FirstSync) {
    let tail = &recovered.tail;
    control.store_tail(0, tail);
    // The other copy names no end and no segment until the first append fills it.
    control.store_tail(1, &TailState { end_offset: -1, base_offset: -1, ..*tail });
    control.set_ends(tail.end_offset, durable);
    control.set_log_start(recovered.log_start);
    control.set_recovery_point(recovery_point);
    control.set_open_transaction(recovered.producers.first_open_transaction());
    control.set_next_ready(0);
    control.set_prepared(tail.base_offset, tail.position);
    control.bump_roll_generation();
    control.set_recovered(first_sync);
}

/// Fills a new partition folder's page: empty, recovered, durable.
pub fn fill_new_page(control: &ControlPage, session: [u64; 2], created_ms: i64) {
    control.initialise(session);
    let recovered = Recovered {
        tail: TailState::empty(0, created_ms, 0),
        log_start: 0,
        producers: ProducerState::default(),
        read_only: None,
        report: Vec::new(),
    };
    fill_page(control, &recovered, 0, 0, FirstSync::Plain);
}

/// What the newest snapshot of a folder says, as a snapshot: our own appends change nothing in it.
fn newest_snapshot(folder: &Dir, end: i64) -> Result<Vec<u8>> {
    let entries = folder.list()?;
    let offsets: Vec<i64> =
        entries.iter().filter_map(|entry| SegmentFile::Snapshot.parse(entry.name.to_str()?)).collect();
    let state = ProducerState::load(folder, &offsets, end, end)?.state;
    Ok(state.encode())
}

/// Opens a partition in a process that only reads: beside a live session by its page, else as the files lie.
pub fn open_for_reading(
    member: &Arc<Membership>,
    place: &Place<'_>,
    report: &mut Vec<Json>,
) -> Result<Arc<PartitionLog>> {
    let folder = place.open_folder(member.root())?;
    for _ in 0..READ_ATTEMPTS {
        let before = (member.live_session()?, member.last_session()?);
        if let (Some(session), _) = before
            && let Some(control) = live_page(&folder, session)?
        {
            let side = Side::Live { control, member: Arc::clone(member), session };
            return Ok(PartitionLog::assemble(place.topic, place.partition, folder, place.config.clone(), side));
        }
        broken::pass(Point::LogUnowned);
        // The marker is about files that nobody has written since: a session that is alive has removed it.
        let clean = member.root().stat(CLEAN_MARKER)?.is_some();
        let beginning = if clean { Beginning::Clean } else { Beginning::Unclean };
        let inspected = inspect(&folder, place.config, shutdown_of(beginning, place), place.checkpointed.log_start)?;
        // Files that a writer took up meanwhile were looked at while they changed.
        let after = (member.live_session()?, member.last_session()?);
        let taken_up = match after.0 {
            Some(session) => live_page(&folder, session)?.is_some(),
            None => false,
        };
        if before == after && !taken_up || broken::is(Rule::InspectionLooksAgain) {
            report_findings(place, &inspected, report);
            let reason = "the directory was opened for reading".to_owned();
            let side = Side::Fixed {
                inspected,
                reason,
                fork_generation: fork::generation(),
                reader: Some((Arc::clone(member), after.1)),
            };
            return Ok(PartitionLog::assemble(place.topic, place.partition, folder, place.config.clone(), side));
        }
    }
    Err(Error::Busy {
        what: "partition",
        reason: format!("{}: sessions begin and end faster than it can be looked at", folder.path().display()),
    })
}

/// The control page, where the partition is recovered in `session`.
pub(super) fn live_page(folder: &Dir, session: [u64; 2]) -> Result<Option<ControlPage>> {
    let Some(file) = folder.open_file_on_use(CONTROL, Access::Read)? else { return Ok(None) };
    if file.len()? < SharedPage::BYTES as u64 {
        return Ok(None);
    }
    let control = ControlPage::map(file, Access::Read)?;
    if control.session()? != Some(session) || !control.is_recovered() {
        return Ok(None);
    }
    control.check_version()?;
    Ok(Some(control))
}

/// Opens a log anew in a process that only reads, after another session has begun.
pub(super) fn reopen(log: &PartitionLog) -> Result<Arc<PartitionLog>> {
    let Some(member) = log.reader_member() else { return Err(super::wait::stale(log)) };
    let mut checkpointed = Checkpointed::default();
    {
        let _gate = member.gate_to_read(Wait::Whole)?;
        let line = |name| -> Result<i64> {
            let (entries, _) = checkpoint::read(member.root(), name)?;
            let line = entries.iter().rfind(|line| line.topic == log.topic() && line.partition == log.partition());
            Ok(line.map_or(0, |line| line.offset.max(0)))
        };
        checkpointed.recovery_point = line(checkpoint::RECOVERY_POINT)?;
        checkpointed.log_start = line(checkpoint::LOG_START)?;
    }
    let place = Place { topic: log.topic(), partition: log.partition(), config: log.config(), checkpointed };
    open_for_reading(member, &place, &mut Vec::new())
}

fn report_findings(place: &Place<'_>, inspected: &Inspected, report: &mut Vec<Json>) {
    for finding in &inspected.report {
        report.push(Json::object(&[("topic", &place.topic), ("partition", &place.partition), ("finding", &finding)]));
    }
}

/// State of a partition's page as the last writer out finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    /// Recovered in this session: to be closed.
    Used,
    /// Not touched in this session.
    Untouched,
    /// Not there, or cut: somebody removed it, and nothing is known about the partition.
    Missing,
}

/// Looks at a partition's page without opening the partition.
pub fn page_state(member: &Membership, folder_name: &str) -> Result<PageState> {
    let (slots, _) = member.seat()?;
    let folder = member.root().open_dir(folder_name)?;
    let Some(file) = folder.open_file_if_there(CONTROL, Access::ReadWrite)? else { return Ok(PageState::Missing) };
    if file.len()? < SharedPage::BYTES as u64 {
        return Ok(PageState::Missing);
    }
    let control = ControlPage::map(file, Access::ReadWrite)?;
    let used = control.session()? == Some(slots.session()) && control.is_recovered() && !control.is_deleted();
    Ok(if used { PageState::Used } else { PageState::Untouched })
}

/// Opens a partition that was recovered in this session, for the last writer out, who holds the gate.
pub fn open_recovered(member: &Arc<Membership>, place: &Place<'_>) -> Result<Arc<PartitionLog>> {
    let folder = place.open_folder(member.root())?;
    let control = ControlPage::map(folder.open_file(CONTROL, Access::ReadWrite)?, Access::ReadWrite)?;
    let writer = Writer::new(Arc::clone(member), &control)?;
    let snapshot = newest_snapshot(&folder, control.published_end())?;
    let side = WriterSide { control, writer, snapshot, checkpointed: Mutex::default() };
    Ok(PartitionLog::assemble(place.topic, place.partition, folder, place.config.clone(), Side::Writer(Box::new(side))))
}

/// Says in a partition's page that it is deleted, under its append word, so that no append is under way. Under the gate.
pub fn mark_deleted(member: &Arc<Membership>, folder_name: &str) -> Result<()> {
    let (slots, _) = member.seat()?;
    let folder = member.root().open_dir(folder_name)?;
    let Some(file) = folder.open_file_if_there(CONTROL, Access::ReadWrite)? else { return Ok(()) };
    if file.len()? < SharedPage::BYTES as u64 {
        return Ok(());
    }
    let control = ControlPage::map(file, Access::ReadWrite)?;
    if control.session()? != Some(slots.session()) {
        control.initialise(slots.session());
    }
    let writer = Writer::new(Arc::clone(member), &control)?;
    // Nothing is mended: what a dead owner left goes with the files.
    let word = writer.take(control.append_word(), &folder, "append", Wait::Whole)?;
    control.set_deleted();
    drop(word);
    Ok(())
}
