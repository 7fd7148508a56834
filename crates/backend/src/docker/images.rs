//! Images: present, or pulled.

use bollard::{auth::DockerCredentials, query_parameters as query};
use futures::StreamExt;
use types::ids::LeaseId;

use super::{Docker, chain, code};
use crate::{ChangeKind, Error, Result, Service};

/// An image that the engine has.
pub(super) struct Imaged {
    /// What containers are made from: the name, or the id of a private image.
    pub(super) reference: String,
    /// The name to take off again once the containers exist; see [`Docker::ensure_image`].
    pub(super) hide: Option<String>,
}

impl Docker {
    /// Makes sure that the engine has the image of a service.
    ///
    /// With credentials the registry is asked even when the image is here, and the name is to be taken off again
    /// afterwards: an image that one tenant's password fetched must not serve another who only knows its name.
    /// An image that was here before keeps its name: it is the operator's.
    pub(super) async fn ensure_image(&self, lease: &LeaseId, service: &Service) -> Result<Imaged> {
        let image = &service.image;
        let private = service.credentials.is_some();
        let before = self.image_id(image).await?;
        if before.is_some() && !private {
            return Ok(Imaged { reference: image.clone(), hide: None });
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
                if !private {
                    return Ok(Imaged { reference: image.clone(), hide: None });
                }
                let id = self.image_id(image).await?.unwrap_or_else(|| image.clone());
                let hide = before.is_none().then(|| image.clone());
                return Ok(Imaged { reference: id, hide });
            }
            Ok(Err(cause)) => cause,
            Err(_) => format!("no end after {} s", self.config().pull_timeout.as_secs()),
        };
        let note = format!("Failed to pull image {image:?}: {cause}");
        self.hint(lease, &service.name, "", ChangeKind::Failed, note);
        Err(Error::Image { image: image.clone(), cause })
    }

    /// Takes an image away, or only its name while containers use it. What is gone or in use is fine.
    pub(super) async fn forget_image(&self, reference: &str) {
        let options = query::RemoveImageOptionsBuilder::default().force(true).build();
        if let Err(error) = self.engine().remove_image(reference, Some(options), None).await {
            tracing::debug!(reference, cause = chain(&error), "image stays");
        }
    }

    /// Takes away an image that has no name any more. One that still has names is somebody else's too.
    pub(super) async fn forget_nameless(&self, id: &str) {
        let named = match self.engine().inspect_image(id).await {
            Ok(found) => found.repo_tags.is_some_and(|tags| !tags.is_empty()),
            Err(_) => true,
        };
        if !named {
            self.forget_image(id).await;
        }
    }

    async fn image_id(&self, image: &str) -> Result<Option<String>> {
        match self.engine().inspect_image(image).await {
            Ok(found) => Ok(found.id),
            Err(error) if code(&error) == Some(404) => Ok(None),
            Err(error) => Err(self.failed("looking for an image", &error)),
        }
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
