//! Apply and remove: from what is found to what is wanted, in steps that can each be repeated.
//!
//! Order of an apply: record, network, then per service image, volumes, containers; surplus containers go last.
//! A container is the wanted one if its hash label says so; anything else is replaced: beside the old one where
//! both can live, after stopping it where they share a volume or a port. A replacement that does not stay
//! up is taken back.

use std::collections::BTreeSet;

use bollard::{
    models::{
        ContainerStateStatusEnum, ContainerSummary, ContainerSummaryStateEnum, Ipam, IpamConfig,
        NetworkCreateRequest, VolumeCreateRequest,
    },
    query_parameters as query,
};
use types::ids::LeaseId;

use super::{
    Docker, chain, code,
    create::{self, Plan},
    firewall,
    images::Imaged,
    names::{self, Record},
};
use crate::{ChangeKind, Error, Gpu, Proto, Result, Service, VolumeClass, Workload, spec};

/// How often other ports are tried when the host refuses one.
const PORT_TRIES: usize = 5;
/// How often another subnet is tried when the engine refuses one.
const SUBNET_TRIES: u32 = 64;

/// One converging lease.
struct Work<'a> {
    lease: &'a LeaseId,
    want: &'a Workload,
    record: Record,
    /// Ports that the host refused just now.
    refused: BTreeSet<u16>,
    cores: u64,
}

/// One container to make.
#[derive(Clone, Copy)]
struct Replica<'a> {
    service: &'a Service,
    index: u32,
    hash: &'a str,
    /// What the engine makes it from.
    image: &'a str,
}

impl Docker {
    pub(super) async fn converge(&self, lease: &LeaseId, want: &Workload) -> Result {
        spec::check(want)?;
        self.check(want)?;
        let refused = BTreeSet::new();
        let record = self.record(lease, want, &refused).await?;
        self.file(lease, &record).await?;
        if self.ensure_network(lease).await? {
            self.guard(firewall::raise).await;
        }
        let info = self.engine().info().await;
        let info = info.map_err(|error| self.failed("asking the engine", &error))?;
        let cores = info.ncpu.and_then(|count| u64::try_from(count).ok()).unwrap_or(1);
        let mut work = Work { lease, want, record, refused, cores };
        // Every service gets its chance, so that one bad image does not hold back the others.
        let mut first_error = None;
        for service in &want.services {
            if let Err(error) = self.converge_service(&mut work, service).await {
                tracing::warn!(%lease, service = service.name, %error, "service does not converge");
                self.hint(lease, &service.name, "", ChangeKind::Failed, error.to_string());
                first_error.get_or_insert(error);
            }
        }
        for container in self.containers(Some(lease)).await? {
            let Some((service, index, _)) = identity(&container) else { continue };
            if want.service(&service).is_none_or(|it| index >= it.count) {
                self.remove_container(lease, &container).await?;
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Refuses what this engine cannot give before anything is touched.
    fn check(&self, want: &Workload) -> Result {
        for service in &want.services {
            for volume in &service.resources.volumes {
                if let VolumeClass::Persistent(class) = &volume.class
                    && !self.config().storage.contains_key(class)
                {
                    return Err(Error::Unsupported(format!(
                        "storage class {class} of volume {} in service {}",
                        volume.name, service.name
                    )));
                }
            }
            if service.exposes.iter().any(|expose| !expose.ip.is_empty()) {
                let what = format!("a leased IP for service {}", service.name);
                return Err(Error::Unsupported(what));
            }
            let gpus = service.resources.gpu.as_ref().map_or(0, |gpu| gpu.units);
            if gpus > 0 && self.config().gpus.is_empty() {
                return Err(Error::Unsupported(format!("GPUs for service {}", service.name)));
            }
        }
        Ok(())
    }

    /// What should be recorded: the workload without secrets, and a port of the host for each forwarded expose,
    /// the one it had before where the host still gives it.
    async fn record(
        &self,
        lease: &LeaseId,
        want: &Workload,
        refused: &BTreeSet<u16>,
    ) -> Result<Record> {
        let mut workload = want.clone();
        workload.services.iter_mut().for_each(|service| service.credentials = None);
        let (all, _) = self.records(None).await?;
        let known = all.get(lease).and_then(|it| it.record.clone()).unwrap_or_default().ports;
        let mut taken: BTreeSet<(Proto, u16)> = BTreeSet::new();
        for (other, filed) in &all {
            let ports = filed.record.iter().flat_map(|record| &record.ports);
            taken.extend(ports.filter(|_| other != lease).map(|it| (it.2, it.3)));
        }
        let mut ports = Vec::new();
        let mut in_use: Option<BTreeSet<u16>> = None;
        for service in &want.services {
            for expose in spec::forwarded(service) {
                let same = known.iter().find(|(name, port, proto, host)| {
                    (name, *port, *proto) == (&service.name, expose.port, expose.proto)
                        && !refused.contains(host)
                });
                let host = match same {
                    Some((_, _, _, host)) => *host,
                    None => {
                        if in_use.is_none() {
                            in_use = Some(self.published().await?);
                        }
                        let busy = in_use.as_ref();
                        let free = self.config().port_range.clone().find(|port| {
                            !taken.contains(&(expose.proto, *port))
                                && !refused.contains(port)
                                && busy.is_none_or(|busy| !busy.contains(port))
                                && self.bindable(*port, expose.proto)
                        });
                        free.ok_or_else(|| Error::Port {
                            service: service.name.clone(),
                            cause: format!("all of {:?} are taken", self.config().port_range),
                        })?
                    }
                };
                taken.insert((expose.proto, host));
                ports.push((service.name.clone(), expose.port, expose.proto, host));
            }
        }
        Ok(Record { workload, ports })
    }

    /// Ports that any container of the engine publishes, whoever owns it.
    async fn published(&self) -> Result<BTreeSet<u16>> {
        let options = query::ListContainersOptionsBuilder::default().all(true).build();
        let all = self.engine().list_containers(Some(options)).await;
        let all = all.map_err(|error| self.failed("listing ports in use", &error))?;
        let ports = all.into_iter().flat_map(|it| it.ports.unwrap_or_default());
        Ok(ports.filter_map(|port| port.public_port).collect())
    }

    /// Whether the port looks free, where the engine is on this machine; the engine has the last word.
    fn bindable(&self, port: u16, proto: Proto) -> bool {
        if !self.endpoint().starts_with("unix://") {
            return true;
        }
        let address = (self.config().publish_address, port);
        match proto {
            Proto::Tcp => std::net::TcpListener::bind(address).is_ok(),
            Proto::Udp => std::net::UdpSocket::bind(address).is_ok(),
        }
    }

    /// One bridge per lease. The engine chooses the subnet; when its pools are used up, one of 10.128.0.0/10 that
    /// overlaps no other network of the engine.
    ///
    /// True when it was made just now.
    async fn ensure_network(&self, lease: &LeaseId) -> Result<bool> {
        if !self.networks(Some(lease)).await?.is_empty() {
            return Ok(false);
        }
        let names = self.names(lease);
        let request = |ipam| NetworkCreateRequest {
            name: names.network().to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(self.labels(lease, "network")),
            options: Some(std::collections::HashMap::from([
                ("com.docker.network.bridge.name".to_owned(), names.network().to_owned()),
                ("com.docker.network.bridge.enable_icc".to_owned(), "true".to_owned()),
            ])),
            ipam,
            ..NetworkCreateRequest::default()
        };
        let error = match self.engine().create_network(request(None)).await {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        let full = chain(&error).to_lowercase();
        if !(full.contains("address pool") || full.contains("subnet")) {
            return Err(self.failed("creating the network of the lease", &error));
        }
        let start = u32::from_str_radix(names.network().get(2..8).unwrap_or("0"), 16).unwrap_or(0);
        let mut last = error;
        for step in 0..SUBNET_TRIES {
            // 65,536 subnets of 64 addresses in 10.128.0.0/10.
            let number = start.wrapping_add(step * 257) % (1 << 16);
            let [_, high, mid, low] = ((10_u32 << 24) + (128 << 16) + (number << 6)).to_be_bytes();
            let subnet = format!("10.{high}.{mid}.{low}/26");
            let config = IpamConfig { subnet: Some(subnet), ..IpamConfig::default() };
            let ipam = Ipam { config: Some(vec![config]), ..Ipam::default() };
            match self.engine().create_network(request(Some(ipam))).await {
                Ok(_) => return Ok(true),
                Err(error) => last = error,
            }
        }
        Err(self.failed("creating the network of the lease", &last))
    }

    async fn converge_service(&self, work: &mut Work<'_>, service: &Service) -> Result {
        let mut imaged = None;
        let done = self.converge_replicas(work, service, &mut imaged).await;
        if let Some(name) = imaged.and_then(|it| it.hide) {
            self.forget_image(&name).await;
        }
        done
    }

    async fn converge_replicas(
        &self,
        work: &mut Work<'_>,
        service: &Service,
        imaged: &mut Option<Imaged>,
    ) -> Result {
        let hash = spec::hash(work.lease, work.want, service);
        for index in 0..service.count {
            let found = self.containers(Some(work.lease)).await?;
            let mut current = None;
            let mut old = Vec::new();
            for container in found {
                match identity(&container) {
                    Some((name, at, it)) if name == service.name && at == index => {
                        if it == hash
                            && current.is_none()
                            && self.fits(work, service, index, &container)
                        {
                            current = Some(container);
                        } else {
                            old.push(container);
                        }
                    }
                    _ => {}
                }
            }
            if let Some(container) = current
                && self.keep_running(work.lease, service, &container).await?
            {
                if let Some(id) = container.id.as_deref() {
                    self.redirect(service, id).await;
                }
                for container in old {
                    self.remove_container(work.lease, &container).await?;
                }
                continue;
            }
            let image = match imaged {
                Some(it) => it,
                None => imaged.insert(self.ensure_image(work.lease, service).await?),
            };
            let wanted = Replica { service, index, hash: &hash, image: &image.reference };
            self.replace(work, wanted, old).await?;
        }
        Ok(())
    }

    /// Whether the container publishes the ports that the record says.
    fn fits(
        &self,
        work: &Work<'_>,
        service: &Service,
        index: u32,
        container: &ContainerSummary,
    ) -> bool {
        if container.state != Some(ContainerSummaryStateEnum::RUNNING) {
            // A container that does not run shows no ports; starting it will tell.
            return true;
        }
        let public: BTreeSet<u16> =
            container.ports.iter().flatten().filter_map(|port| port.public_port).collect();
        let wanted: BTreeSet<u16> =
            work.ports(&service.name, index).iter().map(|port| port.2).collect();
        public == wanted
    }

    /// Starts the container if it does not run. False when it cannot be started and was removed.
    async fn keep_running(
        &self,
        lease: &LeaseId,
        service: &Service,
        container: &ContainerSummary,
    ) -> Result<bool> {
        let Some(id) = container.id.as_deref() else { return Ok(false) };
        match container.state {
            Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::RESTARTING) => {
                return Ok(true);
            }
            Some(ContainerSummaryStateEnum::PAUSED) => {
                let resumed = self.engine().unpause_container(id).await;
                return resumed.map(|()| true).map_err(|e| self.failed("resuming a container", &e));
            }
            _ => {}
        }
        match self.engine().start_container(id, None).await {
            Ok(()) => Ok(true),
            Err(error) => {
                let cause = chain(&error);
                tracing::info!(%lease, service = service.name, cause, "replacing a dead container");
                self.remove_container(lease, container).await?;
                Ok(false)
            }
        }
    }

    /// Makes the wanted replica and takes away those that it replaces.
    async fn replace(
        &self,
        work: &mut Work<'_>,
        wanted: Replica<'_>,
        old: Vec<ContainerSummary>,
    ) -> Result {
        let Replica { service, index, hash, .. } = wanted;
        let shared = service
            .resources
            .volumes
            .iter()
            .any(|volume| matches!(volume.class, VolumeClass::Persistent(_)));
        let exclusive = shared || !work.ports(&service.name, index).is_empty();
        if exclusive {
            for container in &old {
                self.stop(container).await?;
            }
        }
        let made = match self.make(work, wanted).await {
            Ok(id) if old.is_empty() => Ok(id),
            Ok(id) => match self.settled(&id).await {
                Ok(()) => Ok(id),
                Err(error) => {
                    self.discard(&id).await?;
                    Err(error)
                }
            },
            Err(error) => Err(error),
        };
        match made {
            Ok(id) => {
                let replica = spec::replica_name(&service.name, hash, index);
                tracing::info!(lease = %work.lease, replica, id, "container started");
                self.redirect(service, &id).await;
                for container in old {
                    self.remove_container(work.lease, &container).await?;
                }
                Ok(())
            }
            Err(error) => {
                // Back to what ran before; the caller hears why.
                if exclusive {
                    for id in old.iter().filter_map(|container| container.id.as_deref()) {
                        if let Err(again) = self.engine().start_container(id, None).await {
                            let cause = chain(&again);
                            tracing::warn!(lease = %work.lease, cause, "previous container stays down");
                        }
                    }
                }
                Err(error)
            }
        }
    }

    /// Creates and starts a container, choosing other ports where the host refuses the planned ones.
    async fn make(&self, work: &mut Work<'_>, wanted: Replica<'_>) -> Result<String> {
        let Replica { service, index, .. } = wanted;
        self.ensure_volumes(work.lease, service, index).await?;
        let mut tries = 0;
        loop {
            let id = self.create(work, wanted).await?;
            let Err(error) = self.engine().start_container(&id, None).await else {
                return Ok(id);
            };
            self.discard(&id).await?;
            let cause = chain(&error);
            let lower = cause.to_lowercase();
            let port = lower.contains("port is already allocated")
                || lower.contains("address already in use");
            tries += 1;
            if !port {
                return Err(self.start_error(service, &error));
            }
            if tries >= PORT_TRIES {
                return Err(Error::Port { service: service.name.clone(), cause });
            }
            let planned = work.ports(&service.name, index);
            work.refused.extend(planned.iter().map(|port| port.2));
            work.record = self.record(work.lease, work.want, &work.refused).await?;
            self.file(work.lease, &work.record).await?;
        }
    }

    fn start_error(&self, service: &Service, error: &bollard::errors::Error) -> Error {
        let cause = chain(error);
        let lower = cause.to_lowercase();
        let missing = lower.contains("executable file not found")
            || (lower.contains("no such file or directory") && lower.contains("exec"));
        if missing {
            let mut words = service.command.iter().chain(&service.args);
            let what = words.next().cloned().unwrap_or_else(|| service.image.clone());
            return Error::CommandNotFound(what);
        }
        self.failed(&format!("starting a container of service {}", service.name), error)
    }

    async fn create(&self, work: &Work<'_>, wanted: Replica<'_>) -> Result<String> {
        let Replica { service, index, hash, image } = wanted;
        let names = self.names(work.lease);
        let ports = work.ports(&service.name, index);
        let gpus = self.assign_gpus(service).await?;
        let body = create::body(Plan {
            config: self.config(),
            names: &names,
            lease: work.lease,
            want: work.want,
            service,
            index,
            hash,
            image,
            ports: &ports,
            gpus: &gpus,
            cores: work.cores,
            labels: self.labels(work.lease, "container"),
        });
        let name = names.container(&service.name, index, hash);
        let options = || Some(query::CreateContainerOptionsBuilder::default().name(&name).build());
        match self.engine().create_container(options(), body.clone()).await {
            Ok(made) => return Ok(made.id),
            // Left over by a crash, or a container with the right hash but outdated ports.
            Err(error) if code(&error) == Some(409) && self.is_mine(&name).await => {
                self.discard(&name).await?;
            }
            Err(error) => return Err(self.failed("creating a container", &error)),
        }
        let made = self.engine().create_container(options(), body).await;
        made.map(|made| made.id).map_err(|error| self.failed("creating a container", &error))
    }

    /// Whether the container of that name carries the owner's label.
    async fn is_mine(&self, name: &str) -> bool {
        let found = self.engine().inspect_container(name, None).await;
        let labels = found.ok().and_then(|it| it.config).and_then(|it| it.labels);
        labels.is_some_and(|it| it.get(names::OWNER) == Some(&self.config().owner))
    }

    /// Free devices for one replica of the service.
    async fn assign_gpus(&self, service: &Service) -> Result<Vec<String>> {
        let Some(want) = service.resources.gpu.as_ref().filter(|gpu| gpu.units > 0) else {
            return Ok(Vec::new());
        };
        let held = self.gpus_held().await?;
        let fits = |gpu: &&Gpu| {
            gpu.vendor == want.vendor
                && (want.model == "*" || want.model.is_empty() || want.model == gpu.name)
                && !held.contains(&gpu.uuid)
        };
        let units = usize::try_from(want.units).unwrap_or(usize::MAX);
        let free = self.config().gpus.iter().filter(fits).map(|gpu| gpu.uuid.clone());
        let chosen: Vec<String> = free.take(units).collect();
        if chosen.len() < units {
            let what = format!("{units} free {} {} GPUs", want.vendor, want.model);
            return Err(Error::Engine {
                attempt: format!("finding devices for service {}", service.name),
                cause: format!("there are no {what}"),
            });
        }
        Ok(chosen)
    }

    /// Devices that containers of this provider hold.
    pub(super) async fn gpus_held(&self) -> Result<BTreeSet<String>> {
        let mut held = BTreeSet::new();
        for container in self.containers(None).await? {
            let label = container.labels.as_ref().and_then(|labels| labels.get(names::GPUS));
            held.extend(label.into_iter().flat_map(|it| it.split(',')).map(str::to_owned));
        }
        Ok(held)
    }

    async fn ensure_volumes(&self, lease: &LeaseId, service: &Service, index: u32) -> Result {
        let names = self.names(lease);
        for volume in &service.resources.volumes {
            let VolumeClass::Persistent(class) = &volume.class else { continue };
            let mut labels = self.labels(lease, "volume");
            labels.insert(names::SERVICE.to_owned(), service.name.clone());
            labels.insert(names::REPLICA.to_owned(), index.to_string());
            labels.insert("haggle.class".to_owned(), class.clone());
            labels.insert("haggle.bytes".to_owned(), volume.bytes.to_string());
            let request = VolumeCreateRequest {
                name: Some(names.volume(&service.name, index, &volume.name)),
                labels: Some(labels),
                ..VolumeCreateRequest::default()
            };
            // An existing volume is left as it is.
            let made = self.engine().create_volume(request).await;
            made.map_err(|error| self.failed("creating a volume", &error))?;
        }
        Ok(())
    }

    /// Whether a replacement stays up for the settling time.
    async fn settled(&self, id: &str) -> Result {
        let until = tokio::time::Instant::now() + self.config().settle;
        loop {
            let found = self.engine().inspect_container(id, None).await;
            let found = found.map_err(|error| self.failed("watching a container", &error))?;
            let state = found.state.unwrap_or_default();
            let down = matches!(
                state.status,
                Some(
                    ContainerStateStatusEnum::EXITED
                        | ContainerStateStatusEnum::RESTARTING
                        | ContainerStateStatusEnum::DEAD
                )
            );
            if down || found.restart_count.unwrap_or(0) > 0 {
                let code = state.exit_code.unwrap_or_default();
                return Err(Error::Engine {
                    attempt: "replacing a container".to_owned(),
                    cause: format!("the new one ended with code {code}; the old one is kept"),
                });
            }
            if tokio::time::Instant::now() >= until {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    async fn stop(&self, container: &ContainerSummary) -> Result {
        let Some(id) = container.id.as_deref() else { return Ok(()) };
        let seconds = i32::try_from(self.config().stop_timeout.as_secs()).unwrap_or(i32::MAX);
        let options = query::StopContainerOptionsBuilder::default().t(seconds).build();
        match self.engine().stop_container(id, Some(options)).await {
            Err(error) if !matches!(code(&error), Some(304 | 404)) => {
                Err(self.failed("stopping a container", &error))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn remove_container(
        &self,
        lease: &LeaseId,
        container: &ContainerSummary,
    ) -> Result {
        let Some(id) = container.id.as_deref() else { return Ok(()) };
        if let Some((service, index, hash)) = identity(container) {
            let replica = spec::replica_name(&service, &hash, index);
            let note = format!("Stopping container {service}");
            self.hint(lease, &service, &replica, ChangeKind::Killing, note);
        }
        self.stop(container).await?;
        self.discard(id).await
    }

    /// Removes a container at once. Anonymous volumes of its image go with it, named ones stay.
    pub(super) async fn discard(&self, id: &str) -> Result {
        let options = query::RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.engine().remove_container(id, Some(options)).await {
            // 409: somebody else is removing it already.
            Err(error) if !matches!(code(&error), Some(404 | 409)) => {
                Err(self.failed("removing a container", &error))
            }
            _ => Ok(()),
        }
    }

    /// Containers, network, volumes; the record last, so that a crash leaves the lease to be found again.
    pub(super) async fn tear_down(&self, lease: &LeaseId) -> Result {
        let containers = self.containers(Some(lease)).await?;
        let mut existed = !containers.is_empty();
        let ends = containers.iter().map(|it| self.remove_container(lease, it));
        for end in futures::future::join_all(ends).await {
            end?;
        }
        // Private images have no name any more and served this lease alone.
        for container in &containers {
            let private = container.image.as_deref().is_some_and(|it| it.starts_with("sha256:"));
            if let Some(id) = container.image_id.as_deref().filter(|_| private) {
                self.forget_nameless(id).await;
            }
        }
        for network in self.networks(Some(lease)).await? {
            existed = true;
            let Some(id) = network.id.as_deref() else { continue };
            match self.engine().remove_network(id).await {
                Err(error) if code(&error) != Some(404) => {
                    return Err(self.failed("removing the network of the lease", &error));
                }
                _ => {}
            }
        }
        for kind in ["volume", "record"] {
            for volume in self.volumes(Some(lease), kind).await? {
                existed = true;
                self.remove_volume(&volume.name).await?;
            }
        }
        if existed {
            self.guard(firewall::lower_if_unused).await;
            let note = "Removed everything of the lease".to_owned();
            self.hint(lease, "", "", ChangeKind::Removed, note);
        }
        Ok(())
    }
}

impl Work<'_> {
    /// What replica `index` of the service publishes: the ports of the host lead to replica 0.
    fn ports(&self, service: &str, index: u32) -> Vec<(u16, Proto, u16)> {
        let mine = self.record.ports.iter().filter(|(name, ..)| index == 0 && name == service);
        mine.map(|(_, port, proto, host)| (*port, *proto, *host)).collect()
    }
}

/// Service, replica and hash, from the labels of one of our containers.
pub(super) fn identity(container: &ContainerSummary) -> Option<(String, u32, String)> {
    let labels = container.labels.as_ref()?;
    let index = labels.get(names::REPLICA)?.parse().ok()?;
    Some((labels.get(names::SERVICE)?.clone(), index, labels.get(names::HASH)?.clone()))
}
