//! What a browser sees when the ingress has nothing to pass on.
//!
//! Called by: `ingress`. Pure.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};

pub(crate) fn unknown_host(host: &str) -> Response {
    let what = match host {
        "" => "The request names no host.".to_owned(),
        host => {
            format!("No deployment on this provider uses the host name <b>{}</b>.", escape(host))
        }
    };
    page(
        StatusCode::NOT_FOUND,
        "Nobody lives here",
        &format!(
            "{what} If it is yours: has the lease started, was the manifest sent, and is the name in <code>accept</code> or among the lease's URIs?"
        ),
    )
}

pub(crate) fn no_replica(service: &str) -> Response {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "Not ready",
        &format!(
            "No replica of the service <b>{}</b> is running now. It may be starting; look at the lease's status and logs.",
            escape(service)
        ),
    )
}

pub(crate) fn bad_gateway(service: &str, timeout: bool) -> Response {
    let (status, what) = if timeout {
        (StatusCode::GATEWAY_TIMEOUT, "did not answer in time")
    } else {
        (StatusCode::BAD_GATEWAY, "did not answer")
    };
    page(
        status,
        "No answer",
        &format!(
            "The service <b>{}</b> {what}. Does it listen on the port that the manifest exposes?",
            escape(service)
        ),
    )
}

pub(crate) fn too_large(most: u32) -> Response {
    page(
        StatusCode::PAYLOAD_TOO_LARGE,
        "Too large",
        &format!(
            "The body is larger than {most} bytes. The tenant sets this with <code>max_body_size</code>."
        ),
    )
}

pub(crate) fn bad_request() -> Response {
    page(StatusCode::BAD_REQUEST, "Incomplete", "The request's body ended too early.")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let code = status.as_u16();
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{code} {title}</title>\
         <style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:38rem;margin:18vh auto;padding:0 1rem;\
         color:#222}}h1{{font-weight:600}}small{{color:#777}}</style></head>\
         <body><h1>{title}</h1><p>{text}</p><small>{code} · haggle provider ingress</small></body></html>\n"
    );
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_cannot_put_markup_into_the_page() {
        let body = futures::executor::block_on(axum::body::to_bytes(
            unknown_host("<script>").into_body(),
            1 << 20,
        ));
        let html = String::from_utf8(body.unwrap().to_vec()).unwrap();
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"));
    }
}
