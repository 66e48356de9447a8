brig_fuzz(results_fuzz DEPS brig_service)
