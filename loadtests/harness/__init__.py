"""What the load tests share: workloads, latencies, arrivals, processes."""
