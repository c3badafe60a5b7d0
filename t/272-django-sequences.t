# Request after request: nginx finds what Django found, and nothing where Django found nothing.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use MIME::Base64 qw(decode_base64);

use RustPageCache::Site qw(comparable_fields);

my @sequences = map { fixture(s{.*/}{}r) } sort glob "$FindBin::Bin/fixtures/django-core-sequence.*.jsonl";
my %version   = map { $_->{django} => 1 } @sequences;
my $site      = RustPageCache::Site->start(versions => [sort keys %version]);

my $hits = 0;
for my $sequence (@sequences) {
    play($sequence, $sequence->{django});
}
cmp_ok $hits, '>', 10, 'enough of the steps are hits';
$site->nginx_process->finish;

# Before each step the store holds what Django had left in it.
sub play ($sequence, $version) {
    my %state;
    my $number = 0;
    for my $step (@{$sequence->{steps}}) {
        my $name = "$sequence->{id} ($version), step " . ++$number;
        if (defined $step->{action}) {
            delete @state{grep { /\Q$step->{what}\E/ } keys %state};
            next;
        }
        flush_stores();
        $site->put('memcached', $_) for values %state;
        check($sequence, $step, $version, $name);
        %state = map { $_->{key} => $_ } @{$step->{keys_after}};
    }
    return;
}

sub check ($sequence, $step, $version, $name) {
    my $settings = $sequence->{settings};
    my $request  = $step->{request};
    my ($host) = map { $_->[1] } grep { lc $_->[0] eq 'host' } @{$request->{headers}};
    my %parameter = (
        prefix    => $sequence->{middleware_key_prefix},
        namespace => "$settings->{'CACHES.KEY_PREFIX'}:$settings->{'CACHES.VERSION'}:",
        origin    => $request->{scheme} eq 'http' ? undef : "$request->{scheme}://$host",
    );
    my $expected = outcome($step);
    my $ask      = sub { $site->ask($version, 'memcached', $request, %parameter) };
    my $response = $ask->();
    wait_until(sub { ($response = $ask->())->cache eq $expected }, 3)
        if $version eq 'auto' && $response->cache ne $expected;
    is $response->cache, $expected, "$name: $expected" or return;
    return if $expected ne 'HIT';

    $hits++;
    my $django = $step->{response};
    is $response->header('X-Cache-Key'), $step->{hit_key}, "$name: the key that answered";
    is $response->status, $django->{status}, "$name: status";
    return if $django->{status} == 304;
    is_deeply [comparable_fields(@{$response->{headers}})], [comparable_fields(@{$django->{headers}})],
        "$name: headers";
    my $body = $request->{method} eq 'HEAD' ? '' : decode_base64($django->{body_b64});
    is $response->body, $body, "$name: body";
    return;
}

sub outcome ($step) {
    return 'BYPASS method' if $step->{request}{method} !~ /^(?:GET|HEAD)$/;
    return 'MISS absent' if !$step->{hit};
    return 'MISS set-cookie' if grep { lc $_->[0] eq 'set-cookie' } @{$step->{response}{headers}};
    return 'HIT';
}

done_testing;
