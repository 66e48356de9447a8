brig_fuzz(results_fuzz DEPS brig_service)
brig_fuzz(kernel_event_fuzz DEPS brig_service)
