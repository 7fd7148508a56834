//! Making snapshots beside a node that runs, every so many heights.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    sync::{broadcast::error::RecvError, watch},
    task::{JoinHandle, spawn_blocking},
};

use super::{SnapshotError, create::write, keep_newest};
use crate::{Config, Error, app::Ledger};

/// The task, and how it is told to end.
pub(crate) struct Beside {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

/// What the task works with.
struct Work {
    handle: consensus::Handle,
    app: Arc<Ledger>,
    folder: PathBuf,
    every: u64,
    kept: usize,
}

impl Beside {
    /// Starts the task; none where the settings ask for no snapshots.
    pub(crate) fn start(
        handle: &consensus::Handle,
        app: &Arc<Ledger>,
        folder: PathBuf,
        config: &Config,
    ) -> Option<Beside> {
        let (every, kept) = (config.snapshot_every_blocks, config.snapshots_kept);
        let work = Work { handle: handle.clone(), app: app.clone(), folder, every, kept };
        (every > 0).then(|| {
            let (stop, stopped) = watch::channel(false);
            Beside { task: tokio::spawn(follow(work, stopped)), stop }
        })
    }

    /// Ends the task; a snapshot under way is dropped with its next file.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

/// Reads a frozen state: blocks go on meanwhile. A snapshot that takes longer than the time to the
/// next one costs that next one.
async fn follow(work: Work, mut stopped: watch::Receiver<bool>) {
    let mut blocks = work.handle.subscribe();
    let work = Arc::new(work);
    let first = work.clone();
    // What a node that was killed meanwhile has left takes space and nothing else.
    let _ = spawn_blocking(move || remove_unfinished(&first.folder)).await;
    loop {
        let block = tokio::select! {
            _ = stopped.changed() => return,
            block = blocks.recv() => block,
        };
        let height = match block {
            // The root of a height stands in the next block.
            Ok(block) => block.height.saturating_sub(1),
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        if height == 0 || !height.is_multiple_of(work.every) || work.handle.health().catching_up {
            continue;
        }
        let (task, stop) = (work.clone(), stopped.clone());
        match spawn_blocking(move || task.make(height, &stop)).await {
            Ok(Ok(())) => tracing::info!(height, "made a snapshot"),
            Ok(Err(Error::Snapshot(SnapshotError::Stopped))) | Err(_) => return,
            Ok(Err(error)) => tracing::error!(height, %error, "could not make a snapshot"),
        }
    }
}

impl Work {
    fn make(&self, height: u64, stop: &watch::Receiver<bool>) -> Result<(), Error> {
        let checkpoint =
            self.handle.checkpoint(height).map_err(|halt| Error::Halt(halt.to_string()))?;
        let export = self.app.0.store().export(height)?;
        let mut go_on = |_, _| match *stop.borrow() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        write(&self.folder, &checkpoint, &export, &mut go_on)?;
        keep_newest(&self.folder, self.kept).map(drop)
    }
}

fn remove_unfinished(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|it| it.path().extension().is_some_and(|it| it == "new"))
    {
        let _ = fs::remove_dir_all(entry.path());
    }
}
