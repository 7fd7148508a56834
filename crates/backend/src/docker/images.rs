//! Images: present, or pulled.

use bollard::{auth::DockerCredentials, query_parameters as query};
use futures::StreamExt;
use types::ids::LeaseId;

use super::{Docker, chain, code};
use crate::{ChangeKind, Error, Result, Service};

impl Docker {
    /// Makes sure that the engine has the image of a service. With credentials the registry is asked even when the
    /// image is here, so that one tenant's password never serves another.
    pub(super) async fn ensure_image(&self, lease: &LeaseId, service: &Service) -> Result {
        let image = &service.image;
        if service.credentials.is_none() {
            match self.engine().inspect_image(image).await {
                Ok(_) => return Ok(()),
                Err(error) if code(&error) == Some(404) => {}
                Err(error) => return Err(self.failed("looking for an image", &error)),
            }
        }
        self.hint(
            lease,
            &service.name,
            "",
            ChangeKind::Pulling,
            format!("Pulling image {image:?}"),
        );
        let pulled = tokio::time::timeout(self.config().pull_timeout, self.pull(service)).await;
        let cause = match pulled {
            Ok(Ok(())) => {
                let note = format!("Successfully pulled image {image:?}");
                self.hint(lease, &service.name, "", ChangeKind::Pulled, note);
                return Ok(());
            }
            Ok(Err(cause)) => cause,
            Err(_) => format!("no end after {} s", self.config().pull_timeout.as_secs()),
        };
        let note = format!("Failed to pull image {image:?}: {cause}");
        self.hint(lease, &service.name, "", ChangeKind::Failed, note);
        Err(Error::Image { image: image.clone(), cause })
    }

    async fn pull(&self, service: &Service) -> std::result::Result<(), String> {
        let (name, tag) = reference(&service.image);
        let options = query::CreateImageOptionsBuilder::default().from_image(name).tag(tag).build();
        let credentials = service.credentials.as_ref().map(|it| DockerCredentials {
            username: Some(it.username.clone()),
            password: Some(it.password.clone()),
            email: Some(it.email.clone()).filter(|email| !email.is_empty()),
            serveraddress: Some(it.host.clone()).filter(|host| !host.is_empty()),
            ..DockerCredentials::default()
        });
        let mut progress = self.engine().create_image(Some(options), None, credentials);
        let mut last = String::new();
        while let Some(step) = progress.next().await {
            let step = step.map_err(|error| chain(&error))?;
            if let Some(status) = step.status.filter(|status| *status != last) {
                tracing::debug!(image = service.image, status, "pulling image");
                last = status;
            }
        }
        Ok(())
    }
}

/// Splits an image reference into name and tag (or digest); `latest` where there is none.
fn reference(image: &str) -> (&str, &str) {
    if let Some((name, digest)) = image.split_once('@') {
        return (name, digest);
    }
    let path = image.rfind('/').map_or(0, |at| at + 1);
    match image[path..].rfind(':') {
        Some(at) => (&image[..path + at], &image[path + at + 1..]),
        None => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_port_is_not_a_tag() {
        assert_eq!(reference("nginx"), ("nginx", "latest"));
        assert_eq!(reference("nginx:1.27"), ("nginx", "1.27"));
        assert_eq!(reference("localhost:5000/a/b"), ("localhost:5000/a/b", "latest"));
        assert_eq!(reference("localhost:5000/a/b:2"), ("localhost:5000/a/b", "2"));
        assert_eq!(reference("a/b@sha256:00"), ("a/b", "sha256:00"));
    }
}
