//! What flows: log lines, commands, and hints from the engine.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use bollard::{
    container::LogOutput,
    errors::Error as EngineError,
    exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults},
    models::{ContainerSummary, ContainerSummaryStateEnum, EventMessage},
    query_parameters as query,
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::{io::AsyncWriteExt, sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::{BroadcastStream, ReceiverStream};
use types::ids::LeaseId;

use super::{
    Docker, chain, code,
    converge::identity,
    names::{self, filter},
};
use crate::{
    Change, ChangeKind, Command, Error, Exit, Input, LogLine, LogQuery, Output, Result, Source,
    Stdio, lease_path, spec,
};

/// Log lines that a slow reader may be behind before the engine has to wait.
const LINES: usize = 256;
/// How often a followed lease is searched for new containers, and a broken stream is tried again.
const AGAIN: Duration = Duration::from_millis(500);

impl Docker {
    pub(super) async fn read_logs(
        &self,
        lease: &LeaseId,
        query: LogQuery,
    ) -> Result<BoxStream<'static, LogLine>> {
        let containers = self.containers(Some(lease)).await?;
        let (records, _) = self.records(Some(lease)).await?;
        let record = records.into_values().next().and_then(|filed| filed.record);
        if containers.is_empty() && record.is_none() {
            return Err(Error::NoLease(lease_path(lease)));
        }
        for name in &query.services {
            let known = record.as_ref().is_none_or(|it| it.workload.service(name).is_some());
            if !known {
                return Err(Error::NoService(name.clone()));
            }
        }
        let (lines, reader) = mpsc::channel(LINES);
        // Owned by the reader: it ends when the reader is dropped, and its readers with it.
        tokio::spawn(supervise(self.clone(), lease.clone(), query, containers, lines));
        Ok(ReceiverStream::new(reader).boxed())
    }

    pub(super) async fn run_command(
        &self,
        lease: &LeaseId,
        command: Command,
        io: Stdio,
    ) -> Result<Exit> {
        let id = self.replica(lease, &command).await?;
        let request = CreateExecOptions {
            cmd: Some(command.argv.clone()),
            tty: Some(command.tty),
            attach_stdin: Some(io.input.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..CreateExecOptions::default()
        };
        let made = self.engine().create_exec(&id, request).await;
        let exec = made.map_err(|error| self.failed("preparing a command", &error))?.id;
        let options = StartExecOptions { tty: command.tty, ..StartExecOptions::default() };
        let started = self.engine().start_exec(&exec, Some(options)).await;
        let program = || command.argv.first().cloned().unwrap_or_default();
        let (output, input) = match started {
            Ok(StartExecResults::Attached { output, input }) => (output, input),
            Ok(StartExecResults::Detached) => {
                let attempt = "running a command".to_owned();
                return Err(Error::Engine { attempt, cause: "the engine detached it".to_owned() });
            }
            Err(error) if is_missing(&chain(&error)) => {
                return Err(Error::CommandNotFound(program()));
            }
            Err(error) => return Err(self.failed("running a command", &error)),
        };
        let leash = Leash { docker: self.clone(), container: id, exec: exec.clone(), armed: true };
        let missing = self.pump(&exec, output, input, io).await?;
        let found = self.engine().inspect_exec(&exec).await;
        let found = found.map_err(|error| self.failed("asking how a command ended", &error))?;
        if found.running == Some(true) {
            // The user left first: the leash ends the process.
            drop(leash);
            return Ok(Exit { code: 137 });
        }
        leash.release();
        let code = found.exit_code.unwrap_or(0);
        if missing && matches!(code, 126 | 127) {
            return Err(Error::CommandNotFound(program()));
        }
        Ok(Exit { code })
    }

    /// Moves bytes until the command ends or the user leaves. True when the engine said that there is no such program.
    async fn pump(
        &self,
        exec: &str,
        mut output: std::pin::Pin<
            Box<dyn futures::Stream<Item = std::result::Result<LogOutput, EngineError>> + Send>,
        >,
        mut input: std::pin::Pin<Box<dyn tokio::io::AsyncWrite + Send>>,
        mut io: Stdio,
    ) -> Result<bool> {
        let mut first = true;
        loop {
            let typed = async {
                match io.input.as_mut() {
                    Some(source) => source.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                piece = output.next() => {
                    let Some(piece) = piece else { return Ok(false) };
                    let piece = piece.map_err(|error| self.failed("reading a command's output", &error))?;
                    if std::mem::take(&mut first) {
                        let text = String::from_utf8_lossy(piece.as_ref());
                        if text.starts_with("OCI runtime exec failed") && is_missing(&text) {
                            return Ok(true);
                        }
                    }
                    let piece = match piece {
                        LogOutput::StdErr { message } => Output::Stderr(message),
                        other => Output::Stdout(other.into_bytes()),
                    };
                    if io.output.send(piece).await.is_err() {
                        return Ok(false);
                    }
                }
                typed = typed => match typed {
                    Some(Input::Data(bytes)) => {
                        if input.write_all(&bytes).await.is_err() {
                            io.input = None;
                        }
                    }
                    Some(Input::Resize { width, height }) => {
                        let size = ResizeExecOptions { height, width };
                        if let Err(error) = self.engine().resize_exec(exec, size).await {
                            tracing::debug!(exec, cause = chain(&error), "terminal not resized");
                        }
                    }
                    None => {
                        io.input = None;
                        // The command may have ended already.
                        let _ = input.shutdown().await;
                    }
                },
                () = io.output.closed() => return Ok(false),
            }
        }
    }

    /// The running container of a replica.
    async fn replica(&self, lease: &LeaseId, command: &Command) -> Result<String> {
        let (records, _) = self.records(Some(lease)).await?;
        let record = records.into_values().next().and_then(|filed| filed.record);
        let record = record.ok_or_else(|| Error::NoLease(lease_path(lease)))?;
        let name = &command.service;
        let service = record.workload.service(name);
        let service = service.ok_or_else(|| Error::NoService(name.clone()))?;
        if command.replica >= service.count {
            return Err(Error::ReplicaOutOfRange { last: service.count.saturating_sub(1) });
        }
        let hash = spec::hash(lease, &record.workload, service);
        let mut running: Vec<(bool, String)> = Vec::new();
        let mut exists = false;
        for container in self.containers(Some(lease)).await? {
            let Some((of, index, it)) = identity(&container) else { continue };
            if of == *name && index == command.replica {
                exists = true;
                if container.state == Some(ContainerSummaryStateEnum::RUNNING) {
                    running.push((it == hash, container.id.unwrap_or_default()));
                }
            }
        }
        // The current one before an outdated one.
        running.sort();
        running.pop().map(|(_, id)| id).ok_or_else(|| Error::NotRunning {
            service: name.clone(),
            state: if exists { "the service is not ready".to_owned() } else { String::new() },
        })
    }
}

fn is_missing(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("executable file not found")
        || text.contains("no such file or directory")
        || text.contains("not a directory")
}

/// Ends the process of a command when nobody waits for it any more.
struct Leash {
    docker: Docker,
    container: String,
    exec: String,
    armed: bool,
}

impl Leash {
    fn release(mut self) {
        self.armed = false;
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (docker, container) = (self.docker.clone(), std::mem::take(&mut self.container));
        let exec = std::mem::take(&mut self.exec);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // Short and bounded: one question to the engine, one signal.
            runtime.spawn(async move { docker.end_command(&container, &exec).await });
        }
    }
}

impl Docker {
    /// The engine has no call to end a command, so its process is ended on this machine, after a check that it
    /// belongs to the container.
    async fn end_command(&self, container: &str, exec: &str) {
        let Ok(found) = self.engine().inspect_exec(exec).await else { return };
        let (Some(true), Some(pid)) = (found.running, found.pid.filter(|pid| *pid > 1)) else {
            return;
        };
        let groups = tokio::fs::read_to_string(format!("/proc/{pid}/cgroup")).await;
        if !groups.is_ok_and(|text| text.contains(container)) {
            tracing::warn!(container, pid, "abandoned command keeps running: not on this machine");
            return;
        }
        let ended = tokio::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        if let Err(error) = ended.await {
            tracing::warn!(container, pid, %error, "abandoned command keeps running");
        }
    }
}

// Logs.

/// Keeps one reader per container; while following, looks for new containers of the lease.
async fn supervise(
    docker: Docker,
    lease: LeaseId,
    query: LogQuery,
    mut containers: Vec<ContainerSummary>,
    lines: mpsc::Sender<LogLine>,
) {
    let mut readers = JoinSet::new();
    let mut known = BTreeSet::new();
    let mut first = true;
    loop {
        containers.sort_by_key(|it| identity(it).map(|(service, index, _)| (service, index)));
        for container in std::mem::take(&mut containers) {
            let Some((service, index, hash)) = identity(&container) else { continue };
            let Some(id) = container.id else { continue };
            let wanted = query.services.is_empty() || query.services.contains(&service);
            if !wanted || !known.insert(id.clone()) {
                continue;
            }
            let replica = spec::replica_name(&service, &hash, index);
            // Lines of a container that appeared while following are all new.
            let tail = if first { query.tail } else { None };
            let reader =
                Reader { docker: docker.clone(), id, service, replica, tail, query: query.clone() };
            readers.spawn(reader.run(lines.clone()));
        }
        first = false;
        if !query.follow {
            while readers.join_next().await.is_some() {}
            return;
        }
        tokio::select! {
            () = lines.closed() => return,
            () = tokio::time::sleep(AGAIN) => {}
        }
        match docker.containers(Some(&lease)).await {
            Ok(found) if found.is_empty() && gone(&docker, &lease).await => {
                // The lease ended: let the readers deliver what is left.
                while readers.join_next().await.is_some() {}
                return;
            }
            Ok(found) => containers = found,
            Err(error) => tracing::debug!(%lease, %error, "cannot look for new containers"),
        }
    }
}

async fn gone(docker: &Docker, lease: &LeaseId) -> bool {
    docker.records(Some(lease)).await.is_ok_and(|(records, _)| records.is_empty())
}

struct Reader {
    docker: Docker,
    id: String,
    service: String,
    replica: String,
    tail: Option<u64>,
    query: LogQuery,
}

impl Reader {
    /// Reads one container's log. A followed stream that ends because the container restarts is opened again, without
    /// repeating lines.
    async fn run(self, lines: mpsc::Sender<LogLine>) {
        let mut last = String::new();
        let mut tail = self.tail.map_or_else(|| "all".to_owned(), |tail| tail.to_string());
        loop {
            if !self.pass(&tail, &mut last, &lines).await || !self.query.follow {
                return;
            }
            tokio::time::sleep(AGAIN).await;
            let found = self.docker.engine().inspect_container(&self.id, None).await;
            if found.is_err() || lines.is_closed() {
                return;
            }
            "all".clone_into(&mut tail);
        }
    }

    /// One pass over the stream; false when nobody listens any more.
    async fn pass(&self, tail: &str, last: &mut String, lines: &mpsc::Sender<LogLine>) -> bool {
        // Lines up to here were delivered by the pass before.
        let delivered = last.clone();
        let since = last.get(..19).and_then(unix_seconds).unwrap_or(0);
        let options = query::LogsOptionsBuilder::default()
            .follow(self.query.follow)
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .since(since)
            .tail(tail)
            .build();
        let mut frames = self.docker.engine().logs(&self.id, Some(options));
        let mut pending = [(String::new(), BytesMut::new()), (String::new(), BytesMut::new())];
        while let Some(frame) = frames.next().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    if code(&error) != Some(404) {
                        tracing::debug!(container = self.id, cause = chain(&error), "log ends");
                    }
                    break;
                }
            };
            let source = match &frame {
                LogOutput::StdErr { .. } => Source::Stderr,
                _ => Source::Stdout,
            };
            let (at, text) = stamp(frame.into_bytes());
            if at <= delivered && !delivered.is_empty() {
                continue;
            }
            let (begun, buffer) = &mut pending[usize::from(source == Source::Stderr)];
            if buffer.is_empty() {
                begun.clone_from(&at);
            }
            buffer.extend_from_slice(&text);
            let whole = buffer.ends_with(b"\n");
            while buffer.len() > LogLine::TEXT_BYTES_MAX || (whole && !buffer.is_empty()) {
                let end = buffer.iter().position(|byte| *byte == b'\n');
                let cut = end.map_or(buffer.len(), |end| end + 1).min(LogLine::TEXT_BYTES_MAX);
                let piece = buffer.split_to(cut);
                if lines.send(self.line(source, begun, &piece)).await.is_err() {
                    return false;
                }
            }
            if whole {
                at.clone_into(last);
            }
        }
        for (source, (at, buffer)) in [Source::Stdout, Source::Stderr].into_iter().zip(&pending) {
            if !buffer.is_empty() && lines.send(self.line(source, at, buffer)).await.is_err() {
                return false;
            }
        }
        true
    }

    fn line(&self, source: Source, at: &str, bytes: &[u8]) -> LogLine {
        let text = String::from_utf8_lossy(bytes);
        LogLine {
            service: self.service.clone(),
            replica: self.replica.clone(),
            source,
            timestamp: self.query.timestamps.then(|| at.to_owned()),
            text: text.trim_end_matches(['\n', '\r']).to_owned(),
        }
    }
}

/// Splits `2026-01-01T00:00:00.000000000Z text` at its first space.
fn stamp(bytes: Bytes) -> (String, Bytes) {
    match bytes.iter().take(64).position(|byte| *byte == b' ') {
        Some(at) => (String::from_utf8_lossy(&bytes[..at]).into_owned(), bytes.slice(at + 1..)),
        None => (String::new(), bytes),
    }
}

/// Seconds since 1970 of `2026-01-01T00:00:00`.
fn unix_seconds(text: &str) -> Option<i32> {
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};
    let at = OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339).ok()?;
    i32::try_from(at.unix_timestamp()).ok()
}

// Hints.

/// The backend's own acts and the engine's events, merged. A broken event stream is opened again.
pub(super) fn changes(docker: &Docker) -> BoxStream<'static, Change> {
    let own = BroadcastStream::new(docker.inner.changes.subscribe());
    let own = own.filter_map(|change| async { change.ok() });
    let source = docker.clone();
    let engine = stream::unfold(source, |docker| async move { Some((events(&docker), docker)) })
        .enumerate()
        .then(|(round, events)| async move {
            if round > 0 {
                tokio::time::sleep(AGAIN * 2).await;
            }
            events
        })
        .flatten();
    stream::select(own, engine).boxed()
}

fn events(docker: &Docker) -> BoxStream<'static, Change> {
    let mut filters = filter(&[(names::OWNER, &docker.config().owner)]);
    filters.insert("type".to_owned(), vec!["container".to_owned()]);
    let options = query::EventsOptionsBuilder::default().filters(&filters).build();
    // The stream ends at its first error; the caller opens another.
    let events = docker.engine().events(Some(options));
    events
        .take_while(|it| std::future::ready(it.is_ok()))
        .filter_map(|it| async { translate(it.ok()?) })
        .boxed()
}

fn translate(event: EventMessage) -> Option<Change> {
    let attributes = event.actor?.attributes?;
    let lease = attributes.get(names::LEASE)?.parse().ok()?;
    let service = attributes.get(names::SERVICE)?.clone();
    let index = attributes.get(names::REPLICA)?.parse().ok()?;
    let replica = spec::replica_name(&service, attributes.get(names::HASH)?, index);
    let action = event.action?;
    let exit = attributes.get("exitCode").map_or("0", String::as_str);
    let (kind, note) = match action.as_str() {
        "create" => (ChangeKind::Created, format!("Created container {service}")),
        "start" => (ChangeKind::Started, format!("Started container {service}")),
        "oom" => (ChangeKind::OomKilling, format!("Container {service} ran out of memory")),
        "die" if matches!(exit, "0" | "137" | "143") => {
            (ChangeKind::Died, format!("Container {service} ended with code {exit}"))
        }
        "die" => (
            ChangeKind::BackOff,
            format!("Back-off restarting failed container {service}: exit code {exit}"),
        ),
        "health_status: healthy" => {
            (ChangeKind::Healthy, format!("Container {service} is healthy"))
        }
        "health_status: unhealthy" => {
            (ChangeKind::Unhealthy, format!("Container {service} is unhealthy"))
        }
        "destroy" => (ChangeKind::Killing, format!("Removed container {service}")),
        _ => return None,
    };
    let nanos = event.time_nano.and_then(|nanos| u64::try_from(nanos).ok());
    let at = nanos
        .map_or_else(SystemTime::now, |nanos| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos));
    Some(Change { lease, service, replica, kind, note, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_frame_splits_into_time_and_text() {
        let (at, text) = stamp(Bytes::from_static(b"2026-01-01T00:00:00.5Z a b\n"));
        assert_eq!((at.as_str(), &text[..]), ("2026-01-01T00:00:00.5Z", &b"a b\n"[..]));
        assert_eq!(unix_seconds("1970-01-02T00:00:00"), Some(86_400));
    }
}
