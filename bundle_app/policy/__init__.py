"""What clicks teach: which of a model's bundles are shown, and in which order.

    worth      what a bundle is worth beside a product, by the live policy or by its place in the model's order
    learning   a night's work: learn from the log, let the gate judge, go live or not; watch what is live

On the page a policy is a few numbers that come with the candidates' own query (`bundle_app.serving`).
"""
