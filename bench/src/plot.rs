//! Plots, as SVG.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::document;

/// A line of a plot.
#[derive(Debug, Clone)]
pub struct Line {
    /// Name.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A plot with a logarithmic x axis and a y axis from 0.
#[derive(Debug, Clone)]
pub struct Plot {
    /// Title.
    pub title: String,
    /// Label of x.
    pub x: String,
    /// Label of y.
    pub y: String,
    /// Lines.
    pub lines: Vec<Line>,
}

const SIZE: (u32, u32) = (760, 420);

impl Plot {
    /// Writes it to `docs/performance/<file>`.
    pub fn write(&self, file: &str) -> Result<()> {
        std::fs::create_dir_all(document::directory())?;
        std::fs::write(document::directory().join(file), self.svg()?)?;
        Ok(())
    }

    /// The plot as SVG.
    pub fn svg(&self) -> Result<String> {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let least = points().map(|(x, _)| x).fold(f64::INFINITY, f64::min);
        let most = points().map(|(x, _)| x).fold(0.0, f64::max);
        let top = points().map(|(_, y)| y).fold(0.0, f64::max);
        if !least.is_finite() || least <= 0.0 || top <= 0.0 {
            return Err(anyhow!("{}: nothing to draw", self.title));
        }
        let mut svg = String::new();
        self.draw(&mut svg, least..most.max(least * 1.01), top * 1.08)
            .map_err(|error| anyhow!("{}: {error}", self.title))?;
        Ok(svg)
    }

    fn draw(
        &self,
        svg: &mut String,
        x: std::ops::Range<f64>,
        top: f64,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(|e| e.to_string())?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(74)
            .build_cartesian_2d(x.log_scale(), 0.0..top)
            .map_err(|e| e.to_string())?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()
            .map_err(|e| e.to_string())?;
        for (number, line) in self.lines.iter().enumerate() {
            let colour = Palette99::pick(number).to_rgba();
            chart
                .draw_series(LineSeries::new(line.points.clone(), colour.stroke_width(2)).point_size(3))
                .map_err(|e| e.to_string())?
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()
            .map_err(|e| e.to_string())?;
        area.present().map_err(|e| e.to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>) -> Plot {
        let [title, x, y] = ["Title", "clients", "commands/s"].map(str::to_owned);
        Plot { title, x, y, lines: vec![Line { name: "ours & theirs".to_owned(), points }] }
    }

    #[test]
    fn draws_and_names_lines() {
        let svg = plot(vec![(1.0, 10.0), (64.0, 300.0), (256.0, 500.0)]).svg().unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("<polyline"), "{svg}");
        assert!(svg.contains("ours &amp; theirs"), "{svg}");
    }

    #[test]
    fn refuses_an_empty_plot() {
        assert!(plot(Vec::new()).svg().is_err());
        assert!(plot(vec![(0.0, 1.0)]).svg().is_err());
    }
}
