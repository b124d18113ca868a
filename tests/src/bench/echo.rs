//! A bare tonic service that gives the same answer to everyone: the ceiling for a decision service of the same messages.

use std::{fs, path::PathBuf, pin::Pin};

use futures::{Stream, StreamExt};
use prost::Message;
use tidegate_node::config::NodeConfig;
use tidegate_proto::decision::v1::{
    AuthorizeRequest, AuthorizeResponse, AuthorizeStreamRequest, AuthorizeStreamResponse,
    BatchAuthorizeRequest, BatchAuthorizeResponse, ExplainRequest, ExplainResponse,
    decision_service_server::{DecisionService, DecisionServiceServer},
};
use tidegate_tests::Failure;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Identity, Server, ServerTlsConfig},
};

/// What the echo is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Settings of a node, for its certificate.
    #[arg(long)]
    config: PathBuf,
    /// Folder with the answers to give.
    #[arg(long)]
    answers: PathBuf,
}

struct Echo {
    one: AuthorizeResponse,
    batch: BatchAuthorizeResponse,
}

#[tonic::async_trait]
impl DecisionService for Echo {
    async fn authorize(
        &self,
        _: Request<AuthorizeRequest>,
    ) -> Result<Response<AuthorizeResponse>, Status> {
        Ok(Response::new(self.one.clone()))
    }

    async fn batch_authorize(
        &self,
        _: Request<BatchAuthorizeRequest>,
    ) -> Result<Response<BatchAuthorizeResponse>, Status> {
        Ok(Response::new(self.batch.clone()))
    }

    type AuthorizeStreamStream =
        Pin<Box<dyn Stream<Item = Result<AuthorizeStreamResponse, Status>> + Send>>;

    async fn authorize_stream(
        &self,
        request: Request<Streaming<AuthorizeStreamRequest>>,
    ) -> Result<Response<Self::AuthorizeStreamStream>, Status> {
        let one = self.one.clone();
        let answers = request.into_inner().map(move |question| {
            question.map(|q| AuthorizeStreamResponse {
                correlation_id: q.correlation_id,
                answer: one.answer.clone(),
                evidence: one.evidence.clone(),
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn explain(
        &self,
        _: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Status> {
        Err(Status::unimplemented("the echo explains nothing"))
    }
}

/// Serves until it is killed. Prints its address.
pub(crate) async fn run(args: Args) -> Result<(), Failure> {
    let config = NodeConfig::from_toml(&fs::read_to_string(&args.config)?)?;
    let identity =
        Identity::from_pem(fs::read(&config.tls.certificate)?, fs::read(&config.tls.key)?);
    let echo = Echo {
        one: AuthorizeResponse::decode(fs::read(args.answers.join("one"))?.as_slice())?,
        batch: BatchAuthorizeResponse::decode(fs::read(args.answers.join("batch"))?.as_slice())?,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("https://{}", listener.local_addr()?);
    let incoming = TcpListenerStream::new(listener).map(|stream| {
        let stream = stream?;
        stream.set_nodelay(true)?;
        Ok::<_, std::io::Error>(stream)
    });
    let service = DecisionServiceServer::new(echo).max_decoding_message_size(1 << 20);
    Server::builder()
        .tls_config(ServerTlsConfig::new().identity(identity))?
        .add_service(service)
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}
