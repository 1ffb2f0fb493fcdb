"""The networks: a 3D autoencoder, a text-conditioned denoiser, and the bundle that holds them on disk."""
