//! Making snapshots beside a node that runs, every so many heights.

use std::{fs, path::PathBuf, sync::Arc};

use tokio::{
    sync::broadcast::error::RecvError,
    task::{JoinHandle, spawn_blocking},
};

use super::{create::write, keep_newest};
use crate::{Config, Error, app::Ledger};

/// Starts the task; none where the settings ask for no snapshots.
pub(crate) fn start(
    handle: &consensus::Handle,
    app: &Arc<Ledger>,
    folder: PathBuf,
    config: &Config,
) -> Option<JoinHandle<()>> {
    let (every, kept) = (config.snapshot_every_blocks, config.snapshots_kept);
    (every > 0).then(|| tokio::spawn(follow(handle.clone(), app.clone(), folder, every, kept)))
}

/// Reads of a frozen state: blocks go on meanwhile. A snapshot that takes longer than the time to
/// the next one costs that next one.
async fn follow(
    handle: consensus::Handle,
    app: Arc<Ledger>,
    folder: PathBuf,
    every: u64,
    kept: usize,
) {
    let mut blocks = handle.subscribe();
    let leftovers = folder.clone();
    // What a node that was killed meanwhile has left takes space and nothing else.
    let _ = spawn_blocking(move || remove_unfinished(&leftovers)).await;
    loop {
        let height = match blocks.recv().await {
            // The root of a height stands in the next block.
            Ok(block) => block.height.saturating_sub(1),
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        if height == 0 || !height.is_multiple_of(every) || handle.health().catching_up {
            continue;
        }
        let (handle, app, folder) = (handle.clone(), app.clone(), folder.clone());
        let made = spawn_blocking(move || -> Result<(), Error> {
            let checkpoint =
                handle.checkpoint(height).map_err(|halt| Error::Halt(halt.to_string()))?;
            let export = app.0.store().export(height)?;
            write(&folder, &checkpoint, &export, &mut |_, _| ())?;
            keep_newest(&folder, kept).map(drop)
        });
        match made.await {
            Ok(Ok(())) => tracing::info!(height, "made a snapshot"),
            Ok(Err(error)) => tracing::error!(height, %error, "could not make a snapshot"),
            Err(_) => return,
        }
    }
}

fn remove_unfinished(folder: &std::path::Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|it| it.path().extension().is_some_and(|it| it == "new"))
    {
        let _ = fs::remove_dir_all(entry.path());
    }
}
