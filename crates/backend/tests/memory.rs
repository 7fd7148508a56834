//! The backend in memory keeps the contract, and fails when told to.

#![allow(clippy::unwrap_used, reason = "tests")]

mod contract;

use std::{collections::BTreeMap, sync::Arc, sync::Mutex};

use async_trait::async_trait;
use backend::{
    Backend, Error, Service, Workload,
    memory::{Call, Memory},
};
use types::ids::LeaseId;

#[derive(Default)]
struct InMemory {
    rooms: Mutex<BTreeMap<String, Memory>>,
}

#[async_trait]
impl contract::Bed for InMemory {
    async fn open(&self, owner: &str) -> Arc<dyn Backend> {
        let mut rooms = self.rooms.lock().unwrap();
        let number = u32::try_from(rooms.len()).unwrap();
        let room = rooms.entry(owner.to_owned()).or_insert_with(|| {
            let room = Memory::default();
            room.number_from(number * 1_000_000);
            room
        });
        room.forget_image(&self.missing_image());
        Arc::new(room.clone())
    }
    fn image(&self) -> String {
        "toy:1".to_owned()
    }
    fn missing_image(&self) -> String {
        "nobody/nothing:0".to_owned()
    }
    fn class(&self) -> String {
        "beta2".to_owned()
    }
    async fn lose(&self, lease: &LeaseId, service: &str, index: u32) {
        self.rooms.lock().unwrap()["contract"].lose(lease, service, index);
    }
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    contract::suite(&InMemory::default()).await;
}

fn two_services() -> Workload {
    let service = |name: &str| Service {
        name: name.to_owned(),
        image: "toy:1".to_owned(),
        count: 1,
        ..Service::default()
    };
    Workload { services: vec![service("web"), service("db")], ..Workload::default() }
}

#[tokio::test]
async fn a_half_finished_apply_converges_when_repeated() {
    let room = Memory::default();
    let lease = contract::lease(1);
    let fault = Error::Engine { attempt: "starting".to_owned(), cause: "power cut".to_owned() };
    room.fail_next(Call::ApplyHalf, fault.clone());
    assert_eq!(room.apply(&lease, &two_services()).await, Err(fault));
    let half = room.status(&lease).await.unwrap().unwrap();
    assert_eq!((half.services["web"].available, half.services["db"].available), (1, 0));
    room.apply(&lease, &two_services()).await.unwrap();
    let whole = room.status(&lease).await.unwrap().unwrap();
    assert!(whole.is_ready());
    assert_eq!(half.services["web"].replicas, whole.services["web"].replicas);
}

#[tokio::test]
async fn a_crash_shows_until_it_recovers() {
    let room = Memory::default();
    let lease = contract::lease(1);
    room.apply(&lease, &two_services()).await.unwrap();
    room.crash(&lease, "web", 0, 137);
    let web = room.status(&lease).await.unwrap().unwrap().services["web"].clone();
    assert_eq!((web.available, web.replicas[0].exit_code), (0, Some(137)));
    assert_eq!(web.targets, []);
    room.recover(&lease, "web", 0);
    assert!(room.status(&lease).await.unwrap().unwrap().is_ready());
}
