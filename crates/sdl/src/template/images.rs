use super::Template;
/// What is known about an image.
#[derive(Clone, Debug)]
pub struct KnownImage {
    /// Its name.
    pub name: &'static str,
}
/// Looks an image up.
#[must_use]
pub fn known_image(_image: &str) -> Option<&'static KnownImage> {
    None
}
pub(super) fn template(image: &str) -> Template {
    use super::*;
    Template {
        name: "app".into(),
        image: image.into(),
        ports: vec![Port { port: 80, proto: Proto::Tcp, audience: Audience::Web, hosts: vec![] }],
        size: Size { cpu: "0.5".into(), memory: "512Mi".into(), storage: "1Gi".into(), gpu: None },
        volumes: vec![],
        env: vec![],
        command: vec![],
        args: vec![],
        replicas: 1,
        budget: Budget::PerMonth("5".into()),
        denom: "uact".into(),
        block_time_ms: 6500,
        placement: "anywhere".into(),
        attributes: BTreeMap::new(),
        signed_by_any: vec![],
    }
}
