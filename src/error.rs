//! The error of a program that uses several of wgrad's crates.

/// Any error of wgrad: the errors of all its crates convert into it, so that one function may load data, train and save with `?`.
///
/// An error that passed through several crates converts into the variant of the crate in which it began: a device that was lost while a
/// [`Trainer`](crate::train::Trainer) ran is [`Error::Device`].
///
/// ```
/// use wgrad::prelude::*;
///
/// fn load(path: &str) -> wgrad::Result<Params> {
///     let params = Params::new(&Device::named("cpu")?, 0); // an error of the device,
///     Linear::new(&params, 2, 1);
///     params.load(path)?; // and one of the file
///     Ok(params)
/// }
///
/// let error = load("missing.safetensors").unwrap_err();
/// assert!(matches!(error, wgrad::Error::Models(_)));
/// assert!(error.to_string().starts_with("cannot read missing.safetensors"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device failed: no adapter, no memory, a lost device.
    #[error(transparent)]
    Device(#[from] autograd::Error),

    /// Files of weights, or states of optimizers.
    #[error(transparent)]
    Models(models::Error),

    /// Reading or batching data.
    #[cfg(feature = "data")]
    #[error(transparent)]
    Data(data::Error),

    /// Training, checkpoints and logs.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Train(train::Error),

    /// Other processes of a run failed, or differ.
    #[cfg(feature = "train")]
    #[error(transparent)]
    Distributed(distributed::Error),

    /// Drawing.
    #[cfg(feature = "plots")]
    #[error(transparent)]
    Plot(#[from] train::plot::Error),

    /// A matrix without the wanted decomposition.
    #[cfg(feature = "linalg")]
    #[error(transparent)]
    Linalg(linalg::Error),

    /// An ONNX file that cannot be written, read or run.
    #[cfg(feature = "onnx")]
    #[error(transparent)]
    Onnx(onnx::Error),

    /// The operating system refused a program's own read or write.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A result of wgrad.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<models::Error> for Error {
    fn from(error: models::Error) -> Error {
        match error {
            models::Error::Device(error) => Error::Device(error),
            error => Error::Models(error),
        }
    }
}

#[cfg(feature = "data")]
impl From<data::Error> for Error {
    fn from(error: data::Error) -> Error {
        match error {
            data::Error::Device(error) => Error::Device(error),
            error => Error::Data(error),
        }
    }
}

#[cfg(feature = "train")]
impl From<distributed::Error> for Error {
    fn from(error: distributed::Error) -> Error {
        match error {
            distributed::Error::Device(error) => Error::Device(error),
            error => Error::Distributed(error),
        }
    }
}

#[cfg(feature = "train")]
impl From<train::Error> for Error {
    fn from(error: train::Error) -> Error {
        match error {
            train::Error::Device(error) => Error::Device(error),
            train::Error::Models(error) => error.into(),
            train::Error::Data(error) => error.into(),
            train::Error::Distributed(error) => error.into(),
            #[cfg(feature = "plots")]
            train::Error::Plot(error) => Error::Plot(error),
            error => Error::Train(error),
        }
    }
}

#[cfg(feature = "onnx")]
impl From<onnx::Error> for Error {
    fn from(error: onnx::Error) -> Error {
        match error {
            onnx::Error::Device(error) => Error::Device(error),
            error => Error::Onnx(error),
        }
    }
}

#[cfg(feature = "linalg")]
impl From<linalg::Error> for Error {
    fn from(error: linalg::Error) -> Error {
        match error {
            linalg::Error::Device(error) => Error::Device(error),
            error => Error::Linalg(error),
        }
    }
}
