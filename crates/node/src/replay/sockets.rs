//! Recorded WebSocket connections, held against ours while the blocks are executed.
//!
//! A transcript does not say when its frames were sent. One connection follows the other; the first
//! frame of each is sent when the block before the first one that it hears of is there.

use std::collections::VecDeque;

use rpc::offline::{Offline, Wire};
use serde::Deserialize;
use serde_json::Value;
use tokio::{runtime::Runtime, task::JoinHandle};

use super::{
    ask::{difference, drop_parser_words},
    report::{Kind, Report},
};

/// One line of `ws.jsonl`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Frame {
    conn: String,
    dir: String,
    #[serde(default)]
    frame: Value,
}

/// The connections that are left, in order, and the one that is open.
pub(super) struct Sockets {
    left: VecDeque<(String, VecDeque<Frame>)>,
    open: Option<(Wire, JoinHandle<()>)>,
}

/// How often the task of a connection may stop before it has said all it has to say.
const STEPS: usize = 64;

impl Sockets {
    pub(super) fn new(frames: Vec<Frame>) -> Self {
        let mut left: VecDeque<(String, VecDeque<Frame>)> = VecDeque::new();
        for frame in frames {
            match left.back_mut().filter(|it| it.0 == frame.conn) {
                Some((_, frames)) => frames.push_back(frame),
                None => left.push_back((frame.conn.clone(), VecDeque::from([frame]))),
            }
        }
        Self { left, open: None }
    }

    /// Goes on as far as blocks up to `height` allow.
    pub(super) fn go_on(
        &mut self,
        height: i64,
        runtime: &Runtime,
        offline: &Offline,
        report: &mut Report,
    ) {
        while let Some((name, frames)) = self.left.front_mut() {
            let name = name.clone();
            let (wire, _) = match &mut self.open {
                Some(it) => it,
                None => {
                    let first = frames.iter().find_map(|it| height_of(&it.frame));
                    if first.is_some_and(|it| height < it.saturating_sub(1)) {
                        return;
                    }
                    let (wire, task) = offline.connect();
                    self.open.insert((wire, runtime.spawn(task)))
                }
            };
            while let Some(frame) = frames.front() {
                let text = match &frame.frame {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                match frame.dir.as_str() {
                    "send" => {
                        if let Err(error) = wire.send(&text) {
                            report.differ(Kind::Socket, height, &*name, text, error, "is sent");
                        }
                        settle(runtime);
                    }
                    "recv" => {
                        settle(runtime);
                        let Some(ours) = wire.received() else {
                            if is_event(&frame.frame) {
                                return;
                            }
                            report.differ(Kind::Socket, height, &*name, "", "no frame", text);
                            frames.pop_front();
                            continue;
                        };
                        report.compared(Kind::Socket);
                        compare(height, &name, &ours, &frame.frame, report);
                    }
                    // Nothing came within the recorder's patience.
                    _ => {}
                }
                frames.pop_front();
            }
            settle(runtime);
            if let Some(more) = wire.received() {
                report.differ(Kind::Socket, height, &*name, "after the last frame", more, "");
            }
            self.close();
            self.left.pop_front();
        }
    }

    /// What was recorded and never came.
    pub(super) fn end(&mut self, height: i64, report: &mut Report) {
        self.close();
        for (name, frames) in std::mem::take(&mut self.left) {
            if let Some(frame) = frames.front() {
                let text = frame.frame.to_string();
                report.differ(Kind::Socket, height, &*name, "at the end", "no frame", text);
            }
        }
    }

    fn close(&mut self) {
        if let Some((_, task)) = self.open.take() {
            task.abort();
        }
    }
}

/// Lets the tasks of the runtime run.
fn settle(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..STEPS {
            tokio::task::yield_now().await;
        }
    });
}

fn is_event(frame: &Value) -> bool {
    frame.pointer("/result/data").is_some()
}

/// The height that an event tells of; none for those that tell no height.
fn height_of(frame: &Value) -> Option<i64> {
    let value = frame.pointer("/result/data/value")?;
    let places = ["/block/header/height", "/header/height", "/height", "/TxResult/height"];
    places.iter().find_map(|it| value.pointer(it)?.as_str()?.parse().ok())
}

fn compare(height: i64, name: &str, ours: &str, recorded: &Value, report: &mut Report) {
    let mut ours: Value = serde_json::from_str(ours).unwrap_or_else(|_| Value::from(ours));
    let mut recorded = recorded.clone();
    drop_parser_words(&mut ours);
    drop_parser_words(&mut recorded);
    let is_status = recorded.pointer("/result/sync_info").is_some();
    if is_status {
        // Asked at some moment between two blocks.
        if ours.pointer("/result/sync_info").is_none() {
            let (ours, recorded) = (ours.to_string(), recorded.to_string());
            report.differ(Kind::Socket, height, name, "status", ours, recorded);
        }
        return;
    }
    if let Some((what, ours, recorded)) = difference("rpc socket", &ours, &recorded, "") {
        report.differ(Kind::Socket, height, name, what, ours, recorded);
    }
}
