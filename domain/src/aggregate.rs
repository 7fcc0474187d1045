//! The one shape of every cqrs-es shim.

/// Implements `cqrs_es::Aggregate` by the pure `decide` and `evolve` of the module.
#[macro_export]
macro_rules! aggregate_shim {
    ($state:ident, $name:literal, $command:ident, $event:ident, $error:ident) => {
        impl Aggregate for $state {
            const TYPE: &'static str = $name;
            type Command = $command;
            type Event = $event;
            type Error = $error;
            type Services = ();

            async fn handle(
                &mut self,
                command: $command,
                _services: &(),
                sink: &EventSink<Self>,
            ) -> Result<(), $error> {
                for event in decide(self, command)? {
                    sink.write(event, self).await;
                }
                Ok(())
            }

            fn apply(&mut self, event: $event) {
                self.evolve(&event);
            }
        }
    };
}
