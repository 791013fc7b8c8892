from hypothesis import HealthCheck, settings

# how long an example takes tells how busy the machine is, no more
settings.register_profile(
    "busy machine", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")
