//! The admin endpoint of a development cluster: plain HTTP on loopback, for whoever may read the profile.
//!
//! `POST /reset` with `authorization: Bearer TOKEN` begins the cluster anew and answers `{"cluster_id", "milliseconds"}`.

use std::{io, sync::Arc, time::Instant};

use serde_json::json;
use tokio::{net::TcpListener, sync::Mutex};

use super::{DevCluster, DevError, layout::Admin};
use crate::http::{self, Answer, Asked};

/// A refusal, with a code as the gRPC errors have it.
fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "message": message }))
}

async fn reset(cluster: &Mutex<DevCluster>) -> Answer {
    let mut cluster = cluster.lock().await;
    let start = Instant::now();
    match cluster.reset().await {
        Ok(id) => {
            let milliseconds = start.elapsed().as_secs_f64() * 1_000.0;
            tracing::warn!(id, milliseconds, "the development cluster begins anew");
            Answer::json(200, &json!({ "cluster_id": id, "milliseconds": milliseconds }))
        }
        Err(error @ DevError::NoReset(_)) => refused(403, "DEVELOPMENT_ONLY", &error.to_string()),
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the development cluster could not begin anew");
            refused(500, "INTERNAL", &error.to_string())
        }
    }
}

async fn answer(cluster: Arc<Mutex<DevCluster>>, token: Arc<str>, asked: Asked) -> Answer {
    // A page in a browser could ask, too: it has no token.
    let given = asked.header("authorization").and_then(|a| a.strip_prefix("Bearer "));
    if given != Some(&*token) {
        let message = "the profile's admin token is needed, as `authorization: Bearer TOKEN`";
        return refused(401, "MISSING_AUTHENTICATION_TOKEN", message);
    }
    match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/reset") => reset(&cluster).await,
        (_, "/reset") => refused(405, "VALIDATION_ERROR", "a reset is asked for with POST"),
        _ => refused(404, "VALIDATION_ERROR", "there is /reset"),
    }
}

/// Serves until the future is dropped. A layout that an older build made has no endpoint: then there is nothing to do, for ever.
///
/// # Errors
/// The address can't be listened on.
pub(crate) async fn serve(
    cluster: Arc<Mutex<DevCluster>>,
    admin: Option<&Admin>,
) -> io::Result<()> {
    let Some(admin) = admin else { return core::future::pending().await };
    let listener = TcpListener::bind(&admin.address).await?;
    let token: Arc<str> = admin.token.as_str().into();
    let handler = move |asked| answer(Arc::clone(&cluster), Arc::clone(&token), asked);
    http::serve(listener, None, handler).await;
    Ok(())
}
