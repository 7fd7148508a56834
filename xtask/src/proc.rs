//! Processes of the demo: started with their output in a file, ended for certain.
//!
//! Only processes started here are ever ended, by their id. Dropping a [`Service`] ends it, so a
//! failure or an interruption anywhere leaves nothing behind.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Set by Ctrl-C and by a request to terminate.
static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on Ctrl-C and SIGTERM are noticed by [`interrupted`] instead of ending the process.
pub(crate) fn catch_signals() -> Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, STOP.clone()).context("listen for signals")?;
    }
    Ok(())
}

/// An error as soon as somebody asked to stop.
pub(crate) fn interrupted() -> Result<()> {
    match STOP.load(Ordering::Relaxed) {
        true => bail!("interrupted"),
        false => Ok(()),
    }
}

/// A background process with its output in a file.
pub(crate) struct Service {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts `command`; both its streams go to `log`.
    pub(crate) fn start(name: &str, mut command: Command, log: PathBuf) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)?;
        }
        let out = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let child = own_group(&mut command)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until `ready` gives something. Fails when the process ends first, on interruption, or
    /// after `limit`, with the end of the log.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + limit;
        loop {
            if let Some(found) = ready() {
                return Ok(found);
            }
            interrupted()?;
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}) before {what}:\n{}", self.name, self.tail());
            }
            if Instant::now() > end {
                bail!("{}: no {what} after {limit:?}:\n{}", self.name, self.tail());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The last lines of its output.
    pub(crate) fn tail(&self) -> String {
        tail(&self.log)
    }

    /// Asks it to stop, and ends it if it does not within ten seconds.
    pub(crate) fn stop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        terminate(self.child.id());
        let end = Instant::now() + Duration::from_secs(10);
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Leaves it running (`--keep`).
    pub(crate) fn leave(self) -> u32 {
        let id = self.id();
        std::mem::forget(self);
        id
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a command to its end and gives its standard output; fails with both streams.
pub(crate) fn output(what: &str, command: &mut Command) -> Result<String> {
    let out = command.stdin(Stdio::null()).output().with_context(|| format!("run {what}"))?;
    let stdout = String::from_utf8_lossy(&out.stdout).into_owned();
    if !out.status.success() {
        let stderr = String::from_utf8_lossy(&out.stderr);
        bail!("{what} failed ({}):\n{stdout}{stderr}", out.status);
    }
    Ok(stdout)
}

/// Runs a command to its end, showing its lines indented as they come, and gives them back.
pub(crate) fn echo(what: &str, command: &mut Command) -> Result<String> {
    let (reader, writer) = std::io::pipe().context("make a pipe")?;
    let mut child = own_group(command)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("run {what}"))?;
    // The command holds the other ends of the pipe; ours must go, or it never ends.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let watched = child.id();
    let done = Arc::new(AtomicBool::new(false));
    let watch = thread::spawn({
        let done = done.clone();
        move || {
            while !done.load(Ordering::Relaxed) {
                if interrupted().is_err() {
                    terminate(watched);
                    return;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
    });
    let mut told = String::new();
    for line in BufReader::new(reader).lines() {
        let line = line?;
        crate::say(&format!("  {line}"));
        told.push_str(&line);
        told.push('\n');
    }
    let status = child.wait()?;
    done.store(true, Ordering::Relaxed);
    let _ = watch.join();
    interrupted()?;
    match status.success() {
        true => Ok(told),
        false => bail!("{what} failed ({status})"),
    }
}

/// Ctrl-C in a terminal goes to the whole group of the foreground; services get a group of their
/// own, so that they are stopped in order and not all at once.
fn own_group(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0)
}

/// The process id, if it is a living process of this program. Ids are used again by the system, so
/// the id alone says nothing.
pub(crate) fn runs(id: u32, program: &str) -> Option<u32> {
    let path = fs::read_link(format!("/proc/{id}/exe")).ok()?;
    let path = path.to_string_lossy();
    (path.trim_end_matches(" (deleted)") == program).then_some(id)
}

/// Asks a process that is not our child to end, and waits for it for ten seconds.
pub(crate) fn end(id: u32) {
    terminate(id);
    let end = Instant::now() + Duration::from_secs(10);
    while Path::new(&format!("/proc/{id}")).exists() && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
}

fn terminate(id: u32) {
    let _ = Command::new("kill").arg("-TERM").arg(id.to_string()).status();
}

fn tail(path: &Path) -> String {
    const BYTES: u64 = 4_000;
    let mut text = String::new();
    if let Ok(mut file) = File::open(path) {
        let len = file.metadata().map_or(0, |it| it.len());
        let _ = file.seek(SeekFrom::Start(len.saturating_sub(BYTES)));
        let mut bytes = Vec::new();
        let _ = file.read_to_end(&mut bytes);
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    text
}
